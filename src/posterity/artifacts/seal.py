"""A checksum of a whole Parquet file inside the file, so that a flipped bit or truncation is noticed.

Parquet's own checksums cover only pages, neither page headers nor the footer. The seal is
the SHA-256 of all bytes of the file, computed with zeros in its own place, which is an entry of the footer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["broken", "noted", "write"]

_NAME = "posterity-sha256"
_EMPTY = b"0" * 64
_END = b"PAR1"
_BLOCK = 1 << 20


def write(groups: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write ``path`` with one row group per table, page checksums and the seal."""
    import pyarrow.parquet as pq  # deferred: code that only reads a seal does without it

    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for group in groups:
            writer.write_table(group)
        writer.add_key_value_metadata({_NAME: _EMPTY.decode()})
    with path.open("r+b") as file:
        place = _place(file)
        assert place >= 0
        digest, written = _digest(file, place)
        assert written == _EMPTY
        file.seek(place)
        file.write(digest)


def broken(path: Path, expected: bool) -> str:
    """Return what is wrong with a file's bytes; empty if it is intact, or has no seal and ``expected`` is false."""
    with path.open("rb") as file:
        place = _place(file)
        if place < 0:
            return "it has lost its checksum" if expected else ""
        digest, written = _digest(file, place)
    return "" if digest == written else "its SHA-256 differs from the one recorded in it"


def noted(path: Path) -> str:
    """Return the seal recorded in the file without checking the rest; empty if there is none."""
    with path.open("rb") as file:
        place = _place(file)
        if place < 0:
            return ""
        file.seek(place)
        return file.read(len(_EMPTY)).decode("ascii", "replace")


def _digest(file: BinaryIO, place: int) -> tuple[bytes, bytes]:
    """Return the digest in hexadecimal, and the bytes at the seal's position."""
    digest = hashlib.sha256()
    file.seek(0)
    left = place
    while block := file.read(min(_BLOCK, left)):
        digest.update(block)
        left -= len(block)
    written = file.read(len(_EMPTY))
    digest.update(_EMPTY)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest().encode(), written


def _place(file: BinaryIO) -> int:
    """Return the seal's offset in the footer, after its key and the prefix of its length, 64 bytes; -1 if absent."""
    end = file.seek(0, os.SEEK_END)
    start = max(0, end - 8)
    file.seek(start)
    tail = file.read()
    if len(tail) < 8 or tail[4:] != _END:
        return -1
    footer = max(0, start - int.from_bytes(tail[:4], "little"))
    file.seek(footer)
    name = _NAME.encode()
    # Thrift's compact protocol: field 2, type binary, then the length as a variable-length integer
    found = file.read(start - footer).rfind(name + b"\x18\x40")
    return footer + found + len(name) + 2 if found >= 0 else -1
