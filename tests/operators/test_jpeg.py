"""The differentiable JPEG: its transform, its limits, and its distance to a real encoder."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators.jpeg import Jpeg, codec, cosines, scale, tables

SHAPE = (3, 32, 32)


def picture(*, grey: bool = False) -> Tensor:
    """On the grid of eight bits, (1, 3, 32, 32)."""
    rng = torch.Generator().manual_seed(0)
    low = torch.nn.functional.interpolate(torch.randn(1, 3, 6, 6, generator=rng), size=32, mode="bicubic").double()
    if grey:
        low = low[:, :1].expand(-1, 3, -1, -1)
    return ((0.5 * low).tanh() * 127.5 + 127.5).round() / 127.5 - 1


def test_the_factor_of_the_tables() -> None:
    assert [scale(q) for q in (2, 25, 50, 75, 100)] == [25, 2, 1, 0.5, 0]


def test_the_tables_are_those_of_an_encoder_at_quality_50() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=50)
    encoder = Image.open(buffer).quantization
    for index, ours in enumerate(tables(torch.float64, "cpu")):
        assert encoder[index] == ours.flatten().int().tolist()


def test_cosines_are_orthonormal() -> None:
    c = cosines(torch.float64, "cpu")
    torch.testing.assert_close(c @ c.T, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-14)
    block = torch.randn(8, 8, dtype=torch.float64)
    assert (c @ block @ c.T).norm().item() == pytest.approx(block.norm().item())
    assert (c @ torch.ones(8, dtype=torch.float64))[1:].abs().max() < 1e-14


def test_the_best_quality_loses_chroma_resolution_alone() -> None:
    x = picture()
    coarse = x.reshape(1, 3, 16, 2, 16, 2).mean((3, 5)).repeat_interleave(2, -2).repeat_interleave(2, -1)
    best = Jpeg(100, SHAPE)
    torch.testing.assert_close(best(coarse), coarse, rtol=0, atol=2e-5)
    grey = picture(grey=True)
    torch.testing.assert_close(best(grey), grey, rtol=0, atol=2e-5)
    assert (best(x) - x).abs().max() > 1e-2


@pytest.mark.parametrize("quality", [2, 50])
def test_grey_stays_grey(quality: int) -> None:
    y = Jpeg(quality, SHAPE)(picture(grey=True))
    assert (y - y.mean(1, keepdim=True)).abs().max() < 2e-5


def test_hard_rounding_is_idempotent() -> None:
    hard, x = Jpeg(50, SHAPE, soft=False), picture() / 2
    y = hard(x)
    assert y.abs().max() < 1
    torch.testing.assert_close(hard(y), y, rtol=0, atol=2e-5)
    assert (y - x).abs().max() > 1e-2


def test_the_gradient_of_soft_rounding() -> None:
    x = (picture()[..., :16, :16] / 2).requires_grad_()
    assert torch.autograd.gradcheck(Jpeg(50, (3, 16, 16)), x, eps=1e-7, atol=1e-4, rtol=1e-3, fast_mode=True)


def test_hard_rounding_is_the_real_codec_on_grey() -> None:
    x = picture(grey=True)
    levels = (Jpeg(50, SHAPE, soft=False)(x) - codec(x, 50)).abs() * 127.5
    assert levels.mean() < 0.5
    # A coefficient half-way between two steps may be rounded either way, which spreads over its block.
    assert (levels < 2).double().mean() > 0.9


def test_colour_is_near_the_real_codec() -> None:
    x = picture()
    apart = (Jpeg(50, SHAPE, soft=False)(x) - codec(x, 50)).abs().mean()
    assert apart < 0.5 * (x - codec(x, 2)).abs().mean()


def test_quality_2_is_coarser_than_the_real_codec() -> None:
    x = picture()
    ours, real = (Jpeg(2, SHAPE, soft=False)(x) - x).norm(), (codec(x, 2) - x).norm()
    assert ours > real


def test_tables_are_not_transposed_by_default() -> None:
    x = torch.cos(torch.arange(32, dtype=torch.float64) * 3 * torch.pi / 8).expand(1, 3, 32, -1) * 0.5
    plain, turned = Jpeg(10, SHAPE), Jpeg(10, SHAPE, transposed=True)
    torch.testing.assert_close(turned(x.mT), plain(x).mT, rtol=0, atol=1e-12)
    assert (plain(x) - turned(x)).abs().max() > 1e-3


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PosterityError, match="sides divisible by 16, not 3×24×32"):
        Jpeg(2, (3, 24, 32))
