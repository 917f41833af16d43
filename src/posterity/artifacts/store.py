"""Reads and writes artifacts atomically, with their provenance inside."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from posterity.artifacts import identity, seal
from posterity.artifacts.finite import finite
from posterity.artifacts.schemas import SCHEMAS, VERSION
from posterity.errors import PosterityError

__all__ = ["code", "made", "made_with", "provenance", "ran", "read", "refuse", "replacing",
           "rows", "verify", "write", "write_bytes"]  # fmt: skip

_KEY = b"posterity"
_GROUP = 1 << 27
"""Approximate size of a row group in bytes: Arrow reads at most 2 GiB of a nested column at once."""
_FEW, _SMALL = 64, 1 << 20
code: ContextVar[str] = ContextVar("code", default="")
"""Fingerprint of the library modules that the running stage uses; the command line sets it."""
made: ContextVar[Mapping[str, Any] | None] = ContextVar("made", default=None)
"""How to make the output again: the command, and a hash of each module used; the command line sets it."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; it becomes ``path`` if the block succeeds, else it is deleted."""
    beside = None
    refuse(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        beside = Path(name)
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise PosterityError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def refuse(path: Path) -> None:
    """Raise if no file can be written there: the target is not a regular file, or its parent is not a folder."""
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise PosterityError(f"cannot write {path}: {error.strerror}") from error
    if not stat.S_ISREG(found):
        what = "a folder" if stat.S_ISDIR(found) else "a device, a pipe or a socket"
        raise PosterityError(f"cannot write {path}: it is {what}; name a file")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with replacing(path) as beside:
        beside.write_bytes(content)


@cache
def _revision() -> str:
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


@cache
def _versions() -> dict[str, str]:
    names = (
        "posterity", "torch", "torchvision", "diffusers", "numpy", "scipy", "pillow", "pyarrow", "lpips", "pyiqa",
        "scikit-learn", "POT",
    )  # fmt: skip
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def made_with() -> dict[str, Any]:
    """Return the revision of this library and the versions of the packages that numbers depend on."""
    return {"revision": _revision(), "versions": _versions()}


def ran() -> dict[str, Any]:
    """Return the provenance of the running stage: command, modules, inputs and fingerprint, and :func:`made_with`."""
    return {"inputs": identity.used(), **(made.get() or {}), "code": code.get(), **made_with()}


def write(path: Path, kind: str, rows: Iterable[Mapping[str, Any]], origin: Mapping[str, Any]) -> None:
    """Write rows as the artifact ``kind`` with ``origin`` (settings, code, seeds, inputs) inside.

    Arguments:
        path: the Parquet file.
        kind: a key of ``SCHEMAS``.
        rows: mappings from column to value; an omitted column is null. A non-finite number becomes null with a
            note or a reason; it raises PosterityError in a kind that has neither column.
        origin: what determines the content, JSON-serialisable.
    """
    about = {
        "kind": kind,
        "schema": VERSION,
        "sealed": True,
        "origin": origin,
        **ran(),
    }
    schema = SCHEMAS[kind].with_metadata({_KEY: json.dumps(about, sort_keys=True).encode()})
    groups = (
        pa.Table.from_pylist(group, schema=schema) for group in _grouped(finite(row, schema, path) for row in rows)
    )
    with replacing(path) as beside:
        seal.write(groups, schema, beside)


def _grouped(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each row group; one empty group if there are no rows."""
    group: list[dict[str, Any]] = []
    size, first = 0, True
    for row in rows:
        group.append(dict(row))
        size += _bytes(row)
        if size >= _GROUP:
            yield group
            group, size, first = [], 0, False
    if group or first:
        yield group


def _bytes(value: Any) -> int:
    """Return the approximate size of a value in Arrow, in bytes."""
    if isinstance(value, Mapping):
        return sum(map(_bytes, value.values()))
    if isinstance(value, bytes | str):
        return len(value)
    return 8 * len(value) if hasattr(value, "__len__") else 8


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        RecursionError,
    ) as error:  # a flipped bit may break UTF-8
        reason = " ".join(str(error).split())
        raise PosterityError(f"{path} is not a readable Parquet file ({reason}); delete it and run again") from error


def read(
    path: Path, kind: str, columns: Sequence[str] | None = None, among: Mapping[str, Collection[Any]] | None = None
) -> pa.Table:
    """Read an artifact, checking that it is undamaged and of the right kind and version.

    When all columns are read, the checksum of the whole file is verified, else only those of the pages read.

    Arguments:
        path: the Parquet file.
        kind: a key of ``SCHEMAS``.
        columns: names of the columns to read; all if None.
        among: {column: values}; only rows with one of these values are kept.
    """
    if not path.exists():
        raise PosterityError(f"{path} does not exist")
    with _readable(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        about = _about(file.schema_arrow)
        if columns is None:
            _intact(path, about)
        wanted = list(columns) if columns is not None else None
        pieces = [_those(piece, among or {}) for piece in _pieces(file, wanted)]
        table = pa.concat_tables(pieces) if pieces else file.read_row_groups([], wanted)
    if about.get("kind") != kind or about.get("schema") != VERSION:
        found = f"{about.get('kind')} version {about.get('schema')}"
        raise PosterityError(f"{path} holds {found}, expected {kind} version {VERSION}")
    return table


def rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as dictionaries.

    Only few are Python objects at a time, because a number in a list takes eight times its space in Arrow.
    """
    for batch in table.to_batches(max_chunksize=_FEW):
        yield from batch.to_pylist()


def _pieces(file: pq.ParquetFile, columns: list[str] | None) -> Iterator[pa.Table]:
    """Yield the file's row groups."""
    for number in range(file.num_row_groups):
        small = file.metadata.row_group(number).total_byte_size < _SMALL
        try:
            yield file.read_row_group(
                number, columns, use_threads=not small
            )  # waking threads takes longer than it saves
        except pa.ArrowNotImplementedError:  # a nested column of over 2 GiB, from a time when row groups were unbounded
            for batch in file.iter_batches(_FEW, [number], columns):
                yield pa.Table.from_batches([batch])


def _those(table: pa.Table, among: Mapping[str, Collection[Any]]) -> pa.Table:
    for column, values in among.items():
        table = table.filter(pc.is_in(table[column], pa.array(list(values), table.schema.field(column).type)))
    return table


def _intact(path: Path, about: Mapping[str, Any]) -> None:
    with _readable(path):
        reason = seal.broken(path, expected=bool(about.get("sealed")))
    if reason:
        raise PosterityError(f"{path} is damaged ({reason}); delete it and run again")


def verify(path: Path) -> None:
    """Raise PosterityError unless the file is bit for bit what was written."""
    _intact(path, provenance(path))


def provenance(path: Path) -> dict[str, Any]:
    """Return the metadata that :func:`write` put into the file."""
    if not path.exists():
        raise PosterityError(f"{path} does not exist")
    with _readable(path):
        return _about(pq.read_schema(path))


def _about(schema: pa.Schema) -> dict[str, Any]:
    content = (schema.metadata or {}).get(_KEY)
    about = json.loads(content) if content else {}
    return about if isinstance(about, dict) else {}
