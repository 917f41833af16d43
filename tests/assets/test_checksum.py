"""What was verified on arrival is verified again where it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from posterity import assets
from posterity.artifacts.digest import sha256
from posterity.assets import checksum
from posterity.errors import PosterityError


def test_a_flipped_bit_of_an_asset_is_noticed_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "vgg16" / "vgg16.safetensors"
    path.parent.mkdir()
    path.write_bytes(bytes(range(100)))
    assert assets.vgg16(tmp_path) == path, "nothing is known of a file that somebody put there"
    checksum.note(path)
    assert assets.vgg16(tmp_path) == path
    path.write_bytes(bytes([1, *range(1, 100)]))
    with pytest.raises(PosterityError, match=r"vgg16.safetensors is damaged .*; delete it, fetch it again"):
        assets.vgg16(tmp_path)


def test_what_is_declared_counts_where_nothing_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    checksum.verify(path, sha256(path))
    with pytest.raises(PosterityError, match="damaged"):
        checksum.verify(path, "0" * 64)
