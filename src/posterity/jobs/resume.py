"""Stores each finished item of a stage as a small artifact until all are done."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from posterity.artifacts import store
from posterity.errors import PosterityError
from posterity.jobs import parent_process

__all__ = ["Parts", "forget"]

_log = logging.getLogger(__name__)
_WHOLE = ".whole.parquet"


class Parts:
    """The parts of one output, in a hidden folder beside it.

    They belong to exactly these settings, inputs and code; parts of other ones, left by an earlier run, are
    ignored. A damaged part is made again.

    A workflow that is killed and restarted while its jobs are still ending may start a second process for the same
    output. That process waits for the first one and then finds its parts.

    Arguments:
        output: the artifact that the parts will make.
        kind: its key in the schemas.
        settings: the job's settings.
        inputs: the files that it reads; their content counts.
    """

    def __init__(self, output: Path, kind: str, settings: Mapping[str, Any], inputs: Iterable[Path] = ()) -> None:
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + store.code.get().encode())
        for path in inputs:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        self._folder = _folder(output) / digest.hexdigest()[:16]
        self._whole = self._folder / _WHOLE
        self._kind, self._settings = kind, settings
        self._output = output
        self._place = output.with_name(f".{output.stem}.lock")
        self._lock: int | None = None
        self._claims: dict[str | int, int] = {}

    def __enter__(self) -> Self:
        self._lock = _locked(self._place)
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def read(self, item: str | int) -> list[dict[str, Any]] | None:
        """Return the item's rows; None if they have yet to be made."""
        path = self._folder / f"{item}.parquet"
        if not path.exists():
            return None
        try:
            return store.read(path, self._kind).to_pylist()
        except PosterityError as error:
            _log.warning("item %s is made again: %s", item, error)
            path.unlink(missing_ok=True)
            return None

    def write(self, item: str | int, rows: Iterable[Mapping[str, Any]]) -> None:
        store.write(self._folder / f"{item}.parquet", self._kind, rows, {"settings": self._settings})
        if item in self._claims:
            os.close(self._claims.pop(item))

    def claim(self, item: str | int) -> bool:
        """Claim the item for this process among several that make the same output; return True on success.

        A claim is a lock that is released when the item is written or the process ends, so that another process
        can take over. On a file system without locks every claim succeeds, and an item may be made twice.
        """
        if item in self._claims:
            return True
        handle = _opened(self._folder / f"{item}.claim")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError:
            _log.debug("no locks in %s", self._folder)
        if (self._folder / f"{item}.parquet").exists():  # made by the previous holder of the claim
            os.close(handle)
            return False
        self._claims[item] = handle
        return True

    def restored(self) -> bool:
        """True if the output was restored from a finished copy of an interrupted run.

        Snakemake deletes the output of a job when it was killed before recording that the job had finished. The
        copy that :meth:`publish` kept is then restored.
        """
        if self._output.exists() or not self._whole.exists():
            return False
        parent_process.waits_for(self._output)
        try:
            store.verify(self._whole)
            os.utime(self._whole)  # newer than its inputs, as if made now
            os.link(self._whole, self._output)
        except (PosterityError, OSError) as error:
            _log.warning("%s is made again: %s", self._output.name, error)
            self._whole.unlink(missing_ok=True)
            return False
        self._drop()
        _log.info("restored from a finished copy of an interrupted run")
        return True

    def publish(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the output, keep a hard link to it in the folder of parts, and delete the parts.

        The link takes no space while the output exists; the workflow deletes it once it has recorded its jobs
        (:func:`forget`).

        Arguments:
            rows: of all items.

        Raises:
            Again: the workflow that asked for the output has ended, so nobody would record it; the parts are kept.
        """
        parent_process.waits_for(self._output)
        store.write(self._output, self._kind, rows, {"settings": self._settings})
        try:
            self._whole.unlink(missing_ok=True)
            os.link(self._output, self._whole)
        except OSError:  # no parts were made, or the file system has no hard links
            shutil.rmtree(self._folder.parent, ignore_errors=True)
            return
        self._drop()

    def _drop(self) -> None:
        """Delete the parts, including those left by earlier settings."""
        for path in (*self._folder.parent.glob("*"), *self._folder.glob("[!.]*")):
            if path.is_dir() and path != self._folder:
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink(missing_ok=True)


def forget(output: Path) -> None:
    """Delete the hard link to a finished output, so that only a new run can make the output again."""
    folder = _folder(output)
    with suppress(FileNotFoundError):  # a job that outlived its workflow may be writing there
        if all(path.name == _WHOLE for path in folder.glob("*/*")):
            shutil.rmtree(folder, ignore_errors=True)


def _folder(output: Path) -> Path:
    return output.with_name(f".{output.stem}.parts")


def _locked(path: Path) -> int | None:
    """Return a locked file descriptor, released with the process at the latest; None on file systems without locks."""
    handle = _opened(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waits for another process that makes the same output")
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:  # some network file systems
        os.close(handle)
        return None
    return handle


def _opened(path: Path) -> int:
    """Open the file to be locked, creating it if necessary, and return its descriptor."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise PosterityError(f"cannot write {path}: {error.strerror}") from error
