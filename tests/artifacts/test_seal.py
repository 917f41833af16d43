"""Every flipped bit and every cut end of an artifact is noticed when it is read."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from posterity.artifacts import images, store
from posterity.errors import PosterityError


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "items.parquet"
    x = torch.rand(4, 3, 8, 8) * 2 - 1
    rows = [{"dataset": "d", "item": f"i{k}", "signal": images.encode(x[k])} for k in range(4)]
    store.write(path, "items", rows, {"settings": {"a": 1}})
    return path


def test_a_bit_flipped_anywhere_is_noticed(artifact: Path) -> None:
    whole, chosen = artifact.read_bytes(), random.Random(0)
    for place in chosen.sample(range(len(whole)), 400):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chosen.randrange(8)
        artifact.write_bytes(damaged)
        with pytest.raises(PosterityError, match=r"delete it and run again|holds .* expected items"):
            store.read(artifact, "items")


def test_a_file_cut_anywhere_is_noticed(artifact: Path) -> None:
    whole = artifact.read_bytes()
    for length in range(0, len(whole), 60):
        artifact.write_bytes(whole[:length])
        with pytest.raises(PosterityError):
            store.read(artifact, "items")


def test_a_flipped_bit_in_the_columns_that_are_read_is_noticed_without_reading_the_others(artifact: Path) -> None:
    column = pq.read_metadata(artifact).row_group(0).column(1)
    assert column.path_in_schema == "item"
    damaged = bytearray(artifact.read_bytes())
    damaged[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    artifact.write_bytes(damaged)
    store.read(artifact, "items", ["dataset"])
    with pytest.raises(PosterityError, match="delete it and run again"):
        store.read(artifact, "items", ["item"])
    with pytest.raises(PosterityError, match="damaged"):
        store.verify(artifact)
