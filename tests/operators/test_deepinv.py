"""The operators agree with those of the same name in deepinv, where it is installed (it is not required)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.operators.blur import GaussianBlur, gaussian_taps
from posterity.operators.masks import Inpainting
from posterity.operators.motion import MotionBlur, motion_kernel
from posterity.operators.pointwise import Colorization
from posterity.operators.spatial_blur import SpatialBlur, code
from posterity.operators.superresolution import BicubicSR

physics = pytest.importorskip("deepinv.physics", reason="deepinv, to compare with, is not installed")

SHAPE = (3, 32, 32)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def agree(ours: Any, theirs: Any, *, atol: float = 1e-10) -> None:
    """The same measurement of one image, and the same transpose."""
    x = noise(1, *SHAPE)
    y = ours(x)
    torch.testing.assert_close(y, theirs(x), rtol=0, atol=atol)
    z = noise(*y.shape)
    torch.testing.assert_close(ours.adjoint(z), theirs.A_adjoint(z), rtol=0, atol=atol)


def test_inpainting() -> None:
    keep = (noise(1, 1, 32, 32) > 0).double()
    agree(Inpainting(keep, SHAPE), physics.Inpainting(SHAPE, mask=keep[0].expand(SHAPE)).double())


def test_colorization() -> None:
    agree(Colorization(SHAPE), physics.Decolorize(channels=3, srf="average").double(), atol=1e-7)


@pytest.mark.parametrize("factor", [2, 4])
def test_bicubic(factor: int) -> None:
    agree(BicubicSR(factor, SHAPE), physics.DownsamplingMatlab(factor=factor).double(), atol=1e-7)


def test_gaussian_blur() -> None:
    width = torch.tensor([0.9])
    taps = gaussian_taps(width)[0, 26:35]
    kernel = torch.outer(taps, taps)[None, None]
    theirs = physics.Blur(filter=kernel, padding="reflect").double()
    agree(GaussianBlur.of(width, SHAPE), theirs)


def test_motion_blur_with_the_kernel_flipped() -> None:
    """Theirs is a convolution, ours the correlation of the published operator."""
    kernel = motion_kernel(15, 0.5, generator(0))[None, None].double()
    theirs = physics.Blur(filter=kernel.flip(-1, -2), padding="reflect").double()
    agree(MotionBlur(kernel, SHAPE), theirs)


def test_spatial_blur_of_light() -> None:
    own = {name: value.double() for name, value in code(generator(0)).items()}
    weights = torch.nn.functional.interpolate(own["fields"], size=(32, 32), mode="bicubic").softmax(1)
    theirs = physics.SpaceVaryingBlur(
        filters=own["kernels"].flip(-1, -2)[:, None], multipliers=weights[:, None], padding="reflect", mask_first=False
    ).double()
    light = noise(1, *SHAPE).abs().clamp(0.05, 1)
    y = SpatialBlur(own["kernels"], own["fields"], SHAPE)(2 * light.pow(1 / 2.2) - 1)
    torch.testing.assert_close(((y + 1) / 2).pow(2.2), theirs(light), rtol=0, atol=1e-6)
