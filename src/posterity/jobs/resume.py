"""Stores finished items of a stage as small artifacts of their own until all are there."""

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

    They belong to exactly these settings, inputs and code; those that an earlier run left with others are
    not looked at. A part that cannot be read, because a disk or a copy damaged it, is made again.

    Two processes that make the same output would do the same work twice, as happens when a workflow is
    killed and started again while its jobs still end. The second one waits for the first, and finds its parts.

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
        """Return the item's rows; None when they have to be made."""
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
        """True if this process makes the item, of several that make the same output together.

        A claim is a lock: it ends when the item is written, or with the process, and another one takes the item.
        Where the file system has no locks every claim is granted, and an item may be made twice.
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
        if (self._folder / f"{item}.parquet").exists():  # by who had the claim until now
            os.close(handle)
            return False
        self._claims[item] = handle
        return True

    def restored(self) -> bool:
        """True if the output was restored from a finished copy of an interrupted run.

        A workflow that is killed before it notes the end of a job deletes the job's output when it is started
        again. What :meth:`publish` has kept then takes its place.
        """
        if self._output.exists() or not self._whole.exists():
            return False
        parent_process.waits_for(self._output)
        try:
            store.verify(self._whole)
            os.utime(self._whole)  # newer than what it was made from, as if made now
            os.link(self._whole, self._output)
        except (PosterityError, OSError) as error:
            _log.warning("%s is made again: %s", self._output.name, error)
            self._whole.unlink(missing_ok=True)
            return False
        self._drop()
        _log.info("restored from a finished copy of an interrupted run")
        return True

    def publish(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the output and delete all parts; it gets a second name in their place.

        That takes no room as long as the output is there, and the workflow deletes it when it has noted its jobs
        (:func:`forget`).

        Arguments:
            rows: of all items.

        Raises:
            Again: the workflow that asked for them has ended, so nobody would note the output; the parts stay.
        """
        parent_process.waits_for(self._output)
        store.write(self._output, self._kind, rows, {"settings": self._settings})
        try:
            self._whole.unlink(missing_ok=True)
            os.link(self._output, self._whole)
        except OSError:  # no parts were made, or a file system without links
            shutil.rmtree(self._folder.parent, ignore_errors=True)
            return
        self._drop()

    def _drop(self) -> None:
        """Delete the parts, and those that earlier settings have left."""
        for path in (*self._folder.parent.glob("*"), *self._folder.glob("[!.]*")):
            if path.is_dir() and path != self._folder:
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink(missing_ok=True)


def forget(output: Path) -> None:
    """Delete the second name of a finished output, so that nothing but a run makes it again."""
    folder = _folder(output)
    with suppress(FileNotFoundError):  # a job that outlived its workflow may be at it
        if all(path.name == _WHOLE for path in folder.glob("*/*")):
            shutil.rmtree(folder, ignore_errors=True)


def _folder(output: Path) -> Path:
    return output.with_name(f".{output.stem}.parts")


def _locked(path: Path) -> int | None:
    """Return an open file whose lock ends with this process at the latest; None on a file system without locks."""
    handle = _opened(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waits for another process that makes the same")
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:  # some network file systems
        os.close(handle)
        return None
    return handle


def _opened(path: Path) -> int:
    """Return the file as a handle to lock; made where it is not there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise PosterityError(f"cannot write {path}: {error.strerror}") from error
