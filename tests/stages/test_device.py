"""Assignment of GPUs on one machine, with declared devices: real locks, released however a process dies."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from posterity.errors import PosterityError
from posterity.jobs import devices
from posterity.jobs.devices import lend, share


class Job:
    """A process that takes a device, reports it, and keeps it until it is ended."""

    def __init__(self, folder: Path, devices: list[str], jobs: int = 1) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            # whoever started the tests may have told them to ignore these
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.write(writer, lend(devices, jobs, folder).encode())
            os.close(writer)
            signal.pause()
            os._exit(0)
        os.close(writer)
        self._reader, self._device = reader, ""

    def device(self, seconds: float = 0.6) -> str:
        """The job's device; empty while it waits."""
        if not self._device and select.select([self._reader], [], [], seconds)[0]:
            self._device = os.read(self._reader, 100).decode()
        return self._device

    def end(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)
        os.waitpid(self.pid, 0)
        os.close(self._reader)


Start = Callable[..., Job]


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Start]:
    """Starts jobs; those that a test does not end are ended after it."""
    started: list[Job] = []

    def start(devices: list[str], share: int = 1) -> Job:
        started.append(Job(tmp_path, devices, share))
        return started[-1]

    yield start
    for job in started:
        with suppress(ProcessLookupError, ChildProcessError):
            job.end()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_every_job_has_a_device_of_its_own_until_it_dies(jobs: Start, death: int) -> None:
    first, second = jobs(["a", "b"]), jobs(["a", "b"])
    assert {first.device(2), second.device(2)} == {"a", "b"}
    third = jobs(["a", "b"])
    assert third.device() == "", "it waits"
    first.end(death)
    assert third.device(2) == first.device()
    second.end()


def test_jobs_share_a_device_when_the_configuration_says_so(jobs: Start) -> None:
    four = [jobs(["a", "b"], 2) for _ in range(4)]
    assert sorted(job.device(2) for job in four) == ["a", "a", "b", "b"]
    assert jobs(["a", "b"], 2).device() == ""


def test_devices_fill_evenly(jobs: Start) -> None:
    assert [jobs(["a", "b", "c"], 3).device(2) for _ in range(4)] == ["a", "b", "c", "a"]


def test_a_job_that_shares_nothing_is_alone_on_its_device(jobs: Start) -> None:
    sharing = jobs(["a"], 2)
    assert sharing.device(2) == "a"
    alone = jobs(["a"])
    assert alone.device() == ""
    sharing.end()
    assert alone.device(2) == "a"
    assert jobs(["a"], 2).device() == ""


def test_a_program_that_a_job_starts_does_not_keep_its_device(jobs: Start, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        lend(["a"], 1, tmp_path)
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "3"])
        os._exit(0)
    os.waitpid(child, 0)
    assert jobs(["a"]).device(2) == "a"


@pytest.mark.parametrize("given", ["0", "-1", "two", ""])
def test_an_invalid_number_of_jobs_is_reported(given: str) -> None:
    with pytest.raises(PosterityError, match="POSTERITY_JOBS_PER_GPU is"):
        share({"POSTERITY_JOBS_PER_GPU": given})


@pytest.mark.parametrize("slurm", [False, True])
def test_a_helper_chooses_from_the_devices_of_the_first_process(monkeypatch, tmp_path, slurm):
    """A process sees only the device that it has taken; its helpers must not inherit that restriction."""
    names = [f"GPU-{tmp_path.parent.parent.name}-{os.getpid()}-{k}" for k in "abc"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(names))
    monkeypatch.delenv("POSTERITY_GPUS", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if slurm:
        monkeypatch.setenv("SLURM_JOB_ID", "1")
    # as the driver does: what the environment lists
    monkeypatch.setattr("torch.cuda.device_count", lambda: len(os.environ["CUDA_VISIBLE_DEVICES"].split(",")))
    devices.visible.cache_clear()
    try:
        devices.best.__wrapped__()
        taken = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        assert taken == (names if slurm else names[:1])
        assert devices.visible() == tuple(names) and devices.places() == 3
        devices.choose(2, devices.visible())
        assert os.environ["CUDA_VISIBLE_DEVICES"].split(",") == (names[2:] if slurm else names)
    finally:
        devices.visible.cache_clear()
