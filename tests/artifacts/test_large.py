"""Artifacts of any size: in row groups of bounded size, which are read one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from posterity.artifacts import seal, store
from posterity.artifacts.schemas import SCHEMAS
from posterity.errors import PosterityError

MIB = 1 << 20


def rows(count: int, size: int) -> Iterator[dict[str, Any]]:
    """Rows whose pictures are of ``size`` bytes, the first eight of which say the number."""
    blob = b"x" * (size - 8)
    for k in range(count):
        yield {"item": f"i{k % 3}", "sample": k, "signal": {"bytes": k.to_bytes(8, "big") + blob, "path": None}}


def numbers(table: pa.Table) -> list[int]:
    return [int.from_bytes(image["bytes"].as_py()[:8], "big") for image in table["signal"]]


@pytest.fixture
def grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact of several row groups."""
    monkeypatch.setattr(store, "_GROUP", 1000)
    store.write(tmp_path / "samples.parquet", "samples", rows(20, 300), {})
    assert pq.read_metadata(tmp_path / "samples.parquet").num_row_groups == 5  # four rows reach 1000 bytes
    return tmp_path / "samples.parquet"


def test_row_groups_come_back_as_one_table(grouped: Path) -> None:
    table = store.read(grouped, "samples")
    assert table.schema.remove_metadata() == SCHEMAS["samples"]
    assert table["sample"].to_pylist() == numbers(table) == list(range(20))
    assert store.read(grouped, "samples", ["sample"]).to_pydict() == {"sample": list(range(20))}


def test_rows_are_chosen_group_by_group(grouped: Path) -> None:
    table = store.read(grouped, "samples", ["item", "signal"], among={"item": ["i1", "absent"]})
    assert numbers(table) == [1, 4, 7, 10, 13, 16, 19] and set(table["item"].to_pylist()) == {"i1"}
    assert store.read(grouped, "samples", among={"item": []}).num_rows == 0


def test_an_artifact_without_rows_has_its_columns(tmp_path: Path) -> None:
    store.write(tmp_path / "x.parquet", "samples", [], {})
    assert store.read(tmp_path / "x.parquet", "samples").schema.remove_metadata() == SCHEMAS["samples"]
    assert store.read(tmp_path / "x.parquet", "samples", ["sample"]).column_names == ["sample"]


def test_a_flipped_bit_in_any_group_is_noticed(grouped: Path) -> None:
    whole, chosen = grouped.read_bytes(), random.Random(0)
    for place in chosen.sample(range(len(whole)), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chosen.randrange(8)
        grouped.write_bytes(damaged)
        with pytest.raises(PosterityError, match=r"delete it and run again|holds .* expected samples"):
            store.read(grouped, "samples")


@pytest.mark.slow
def test_pictures_of_more_than_two_gibibytes(tmp_path: Path) -> None:
    path, count = tmp_path / "samples.parquet", 2080
    store.write(path, "samples", rows(count, MIB), {})
    table = store.read(path, "samples")
    assert table.nbytes > 1 << 31 and numbers(table) == list(range(count))
    del table
    table = store.read(path, "samples", ["signal"])
    assert table.nbytes > 1 << 31 and table.column_names == ["signal"] and table.num_rows == count
    del table
    assert store.read(path, "samples", ["sample"])["sample"].to_pylist() == list(range(count))


@pytest.mark.slow
def test_more_than_two_gibibytes_in_one_row_group(tmp_path: Path) -> None:
    """Artifacts were written so until groups had a bound."""
    path, count, blob = tmp_path / "samples.parquet", 2080, b"x" * MIB
    schema = SCHEMAS["samples"].with_metadata({b"posterity": b'{"kind": "samples", "schema": %d}' % store.VERSION})
    whole = pa.Table.from_pylist([{"sample": k, "signal": {"bytes": blob}} for k in range(count)], schema=schema)
    seal.write([whole], schema, path)
    assert pq.read_metadata(path).num_row_groups == 1
    del whole
    table = store.read(path, "samples")
    assert table.nbytes > 1 << 31 and table["sample"].to_pylist() == list(range(count))
    assert table["signal"][count - 1]["bytes"].as_py() == blob
