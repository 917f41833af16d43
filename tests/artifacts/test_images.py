"""Images survive PNG to half a grey level; broken ones are refused in one line."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posterity.artifacts.images import decode, encode
from posterity.artifacts.signals import stack
from posterity.errors import PosterityError


def picture(channels: int = 3, height: int = 6, width: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("channels", [1, 3])
def test_round_trip_is_exact_to_half_a_level(channels: int) -> None:
    x = picture(channels)
    back = decode(encode(x))
    assert back.shape == x.shape
    assert back.dtype == torch.float32
    assert (back - x).abs().max() <= 1 / 255 + 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_a_second_round_trip_changes_nothing(channels: int) -> None:
    once = encode(picture(channels))
    assert encode(decode(once)) == once


def test_all_levels_come_back() -> None:
    levels = torch.arange(256).reshape(1, 16, 16) / 127.5 - 1
    torch.testing.assert_close(decode(encode(levels)), levels, rtol=0, atol=1e-6)


def test_overshoot_is_clamped() -> None:
    assert decode(encode(torch.full((3, 2, 2), 7.0))).max() == 1
    assert decode(encode(torch.full((3, 2, 2), -7.0))).min() == -1


def test_stack_keeps_the_order() -> None:
    pictures = [picture(seed=s) for s in range(3)]
    stacked = stack([encode(p) for p in pictures])
    assert stacked.shape == (3, 3, 6, 9)
    torch.testing.assert_close(stacked, torch.stack(pictures), rtol=0, atol=1 / 255 + 1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.9))
def test_a_truncated_picture_is_named(share: float) -> None:
    whole = encode(picture(height=40, width=40))["bytes"]
    assert isinstance(whole, bytes)
    with pytest.raises(PosterityError, match=r"^item 7 is not a readable PNG") as error:
        decode({"bytes": whole[: int(share * len(whole))], "path": None}, "item 7")
    assert "\n" not in str(error.value)


def test_something_else_is_not_a_picture() -> None:
    with pytest.raises(PosterityError, match="not a readable PNG"):
        decode({"bytes": b"GIF? no.", "path": None})
