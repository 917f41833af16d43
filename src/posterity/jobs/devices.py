"""Chooses the device of a job's networks, and keeps two jobs off one GPU.

Snakemake does not do this on one machine: ``--resources gpu=2`` only counts jobs, and each job sees
both devices. A job therefore locks a device for as long as its process lives; the kernel releases
the lock however the process ends. Under SLURM a job sees only the devices that it was given.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from posterity.errors import PosterityError

if TYPE_CHECKING:
    import torch

__all__ = ["LOCKS", "best", "choose", "lend", "places", "visible"]

_log = logging.getLogger(__name__)

LOCKS = Path("/tmp/posterity-gpus")  # noqa: S108 - devices are the machine's and of all its users, so are the locks
_PAUSE = 0.2
"""Seconds between attempts while all devices are taken."""


@cache
def best() -> torch.device:
    """Return the GPU if there is one, else the CPU; wait while other jobs use all GPUs.

    The environment says what there is to choose from: ``CUDA_VISIBLE_DEVICES`` as usual,
    ``POSTERITY_JOBS_PER_GPU`` how many jobs share a device (1), and ``POSTERITY_GPUS`` names of pretend devices
    that are handed out in place of real ones, to test the assignment on a machine without GPUs.
    """
    import torch

    devices = visible()
    if _declared():
        lend(devices, share())
        return torch.device("cpu")
    if devices and "SLURM_JOB_ID" not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = lend(devices, share())
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def visible() -> tuple[str, ...]:
    """Return the devices that this process was given, including the one that it has taken."""
    import torch

    if declared := _declared():
        return tuple(declared.split(","))
    count = torch.cuda.device_count()  # queries the driver without initialising CUDA
    return tuple(os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count)))).split(",")[:count])


def _declared() -> str:
    return os.environ.get("POSTERITY_GPUS", "")


def places() -> int:
    """Return how many processes may use GPUs of this machine at once; 1 if it has none."""
    alone = "SLURM_JOB_ID" in os.environ and not _declared()
    return max(1, len(visible()) * (1 if alone else share()))


def choose(number: int, devices: Sequence[str]) -> None:
    """Make visible to helper process ``number`` the devices that it may choose from, out of its parent's ``devices``.

    The helper inherits an environment in which the parent has already taken its device. Under SLURM, where a job's
    devices are its own and are not locked, each process gets the device with its number.
    """
    if not _declared():
        own = devices[number : number + 1] if "SLURM_JOB_ID" in os.environ else devices
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(own)


def share(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many jobs may use one device at a time."""
    given = environment.get("POSTERITY_JOBS_PER_GPU", "1")
    if not (given.isdecimal() and int(given) > 0):
        raise PosterityError(f"POSTERITY_JOBS_PER_GPU is {given!r}, expected a whole number of at least 1")
    return int(given)


def lend(devices: Sequence[str], jobs: int = 1, folder: Path = LOCKS) -> str:
    """Return one of the devices, reserved until this process ends; wait until one is free.

    Jobs that share a device hold a shared lock on it and an exclusive lock on one of its places; other jobs lock the
    device exclusively.
    """
    told = False
    while True:
        # all first places before any second place, so that devices fill evenly
        for place in range(jobs):
            for device in devices:
                if _take(folder, device, place, alone=jobs == 1):
                    _log.info("computes on GPU %s", device)
                    return device
        if not told:
            _log.info("waits for a GPU: %s %s taken", ", ".join(devices), "is" if len(devices) == 1 else "are")
            told = True
        time.sleep(_PAUSE)


def _take(folder: Path, device: str, place: int, alone: bool) -> bool:
    """Take the locks of the device and the place and return True, or hold neither and return False."""
    held: list[int] = []
    wanted = [(device, fcntl.LOCK_EX if alone else fcntl.LOCK_SH), (f"{device}.{place}", fcntl.LOCK_EX)]
    for name, kind in wanted:
        held.append(_opened(folder, name))
        try:
            fcntl.flock(held[-1], kind | fcntl.LOCK_NB)
        except BlockingIOError:
            for handle in held:
                os.close(handle)
            return False
    # the files stay open until the process ends: nothing closes them, and child programs do not inherit them
    return True


def _opened(folder: Path, name: str) -> int:
    path = folder / f"{name.replace('/', '-')}.lock"
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY)
    try:
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            folder.chmod(0o1777)
        handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
        with suppress(PermissionError):
            path.chmod(0o666)
    except OSError as error:
        raise PosterityError(f"cannot open the lock of GPU {name}, {path}: {error.strerror}") from error
    return handle
