"""Identify a file by its content in one short text, whatever its times say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path

from posterity.artifacts import seal
from posterity.artifacts.digest import sha256

__all__ = ["WHOLE", "identity", "start", "use", "used"]

WHOLE = 1 << 29
"""Bytes in a folder up to which all of them are read: half a minute at most, where a disk is slow."""
_KNOWN: dict[tuple[str, int, int, int], str] = {}
_USED: ContextVar[dict[str, str] | None] = ContextVar("used", default=None)


def identity(path: Path) -> str:
    """Return the text that stands for a file's content: 64 hexadecimal digits.

    That is the seal of an artifact, which is read from its end alone, and the SHA-256 of any other file. What was
    fetched has its SHA-256 noted beside it. A folder stands for what the files in it hold, and where they are larger
    than :data:`WHOLE` together for their names and sizes; hidden ones do not count.
    """
    found = path.stat()
    # the time of the last change of a file's entry cannot be set back, as that of its content can
    key = (str(path.absolute()), found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if path.is_dir():
        return _listing(path)
    if key not in _KNOWN:
        _KNOWN[key] = _noted(path) or (seal.noted(path) if path.suffix == ".parquet" else "") or sha256(path)
    return _KNOWN[key]


def _listing(folder: Path) -> str:
    names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    found = {name: path for name, path in sorted(names.items()) if not re.search(r"(^|/)\.", name)}
    sizes = {name: path.stat().st_size for name, path in found.items()}
    whole = sum(sizes.values()) <= WHOLE
    lines = (f"{name} {sizes[name]} {identity(path) if whole else ''}" for name, path in found.items())
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _noted(path: Path) -> str:
    from posterity.assets import checksum

    return checksum.noted(path)


def start(paths: Iterable[Path]) -> None:
    """Begin to note which files a stage reads: these, and those that :func:`use` adds."""
    _USED.set({})
    for path in paths:
        use(path)


def use(path: Path) -> None:
    """Note that the running stage reads a file; nothing where no stage runs or there is no such file."""
    noted = _USED.get()
    if noted is not None and path.exists():
        noted[str(path)] = identity(path)


def used() -> dict[str, str]:
    """Return the files that the running stage has read so far: {path: identity}."""
    return dict(_USED.get() or {})
