"""Identify a file by a short text that depends on its content and not on its times."""

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
"""Largest folder, in bytes, whose files are read completely: half a minute at most on a slow disk."""
_KNOWN: dict[tuple[str, int, int, int], str] = {}
_USED: ContextVar[dict[str, str] | None] = ContextVar("used", default=None)


def identity(path: Path) -> str:
    """Return 64 hexadecimal digits that identify a file's content.

    For an artifact this is its seal, which is read from the end of the file; for any other file it is the SHA-256 (a
    fetched file has it noted beside it). A folder is identified by the content of its files, or by their names and
    sizes if they are larger than :data:`WHOLE` together; hidden files do not count.
    """
    found = path.stat()
    # a program can set mtime back, but not ctime
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
    """Start recording the files that a stage reads: these, and those that :func:`use` adds."""
    _USED.set({})
    for path in paths:
        use(path)


def use(path: Path) -> None:
    """Record that the running stage reads a file; do nothing if no stage runs or the file does not exist."""
    noted = _USED.get()
    if noted is not None and path.exists():
        noted[str(path)] = identity(path)


def used() -> dict[str, str]:
    """Return the files that the running stage has read so far: {path: identity}."""
    return dict(_USED.get() or {})
