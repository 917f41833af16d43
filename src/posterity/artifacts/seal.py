"""A checksum of a whole Parquet file within the file, so that a flipped bit or a cut end is noticed.

Parquet's own checksums are of pages alone: neither headers of pages nor the footer have any. The seal is
the SHA-256 of all bytes of the file, computed with zeros in its own place, which is an entry of the footer.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["broken", "write"]

_NAME = "posterity-sha256"
_EMPTY = b"0" * 64


def write(table: pa.Table, path: Path) -> None:
    """Writes ``path`` with checksums of its pages and the seal."""
    with pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_NAME: _EMPTY.decode()})
    content = path.read_bytes()
    place = _place(content)
    assert content[place : place + 64] == _EMPTY
    with path.open("r+b") as file:
        file.seek(place)
        file.write(hashlib.sha256(content).hexdigest().encode())


def broken(content: bytes, expected: bool) -> str:
    """What is wrong with a file's bytes; empty where nothing is, or where it has no seal and none is expected."""
    place = _place(content)
    if place < 0:
        return "it has lost its checksum" if expected else ""
    found = hashlib.sha256(content[:place])
    found.update(_EMPTY)
    found.update(content[place + 64 :])
    return "" if found.hexdigest().encode() == content[place : place + 64] else "its SHA-256 is not the one it tells of"


def _place(content: bytes) -> int:
    """Where the seal is: in the footer, after its name and the length of a text of 64 bytes; -1 without one."""
    name = _NAME.encode()
    # Thrift's compact protocol: field 2, type binary, then the length as a variable-length integer
    found = content.rfind(name + b"\x18\x40")
    return found + len(name) + 2 if found >= 0 else -1
