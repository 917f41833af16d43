"""The operators agree with those of the same name in deepinv, wherever it has one.

It has none for HDR, JPEG and the network blur. Its phase retrieval squares the modulus and takes any
linear map, its single-pixel camera is compressed sensing with Hadamard patterns in another order.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.operators.averaging import AverageSR
from posterity.operators.blur import GaussianBlur, TruncatedBlur, gaussian_taps
from posterity.operators.hadamard import CompressedSensing
from posterity.operators.masks import Inpainting
from posterity.operators.motion import MotionBlur, motion_kernel
from posterity.operators.phase import PhaseRetrieval
from posterity.operators.pointwise import Colorization, Denoising
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
    torch.testing.assert_close(y, theirs.A(x), rtol=0, atol=atol)
    z = noise(*y.shape)
    torch.testing.assert_close(ours.adjoint(z), theirs.A_adjoint(z), rtol=0, atol=atol)


def masks() -> dict[str, Tensor]:
    keep = {name: torch.ones(1, 1, 32, 32, dtype=torch.float64) for name in ("box", "half")}
    keep["box"][..., 6:25, 6:25] = 0
    keep["half"][..., 16:] = 0
    return keep | {"random": (noise(1, 1, 32, 32) > 0).double()}


@pytest.mark.parametrize("name", ["box", "half", "random"])
def test_inpainting(name: str) -> None:
    keep = masks()[name]
    ours, theirs = Inpainting(keep, SHAPE), physics.Inpainting(SHAPE, mask=keep[0].expand(SHAPE)).double()
    agree(ours, theirs)
    same_inverse(ours, theirs)


def same_inverse(ours: Any, theirs: Any, *, atol: float = 1e-10) -> None:
    """The same pseudo-inverse and, for samplers that fit by it, argmin of ‖y - A x‖² + ρ‖x - z‖²."""
    y, z, rho = ours(noise(1, *SHAPE)), noise(1, *SHAPE).flip(-1), 0.3
    torch.testing.assert_close(ours.pinv(y), theirs.A_dagger(y), rtol=0, atol=atol)
    s, c = ours.svd.singulars, ours.svd.Vt(z)
    fitted = ours.svd.V(c + s * (ours.svd.Ut(y) - s * c) / (s**2 + rho))
    torch.testing.assert_close(fitted, theirs.prox_l2(z, y, 1 / rho), rtol=0, atol=atol)


def test_denoising() -> None:
    theirs = physics.Denoising().double()
    agree(Denoising(SHAPE), theirs)
    same_inverse(Denoising(SHAPE), theirs, atol=1e-6)


def test_colorization() -> None:
    ours, theirs = Colorization(SHAPE), physics.Decolorize(channels=3, srf="average").double()
    agree(ours, theirs, atol=1e-7)
    y = noise(1, 1, 32, 32)
    torch.testing.assert_close(ours.pinv(y), theirs.A_dagger(y), rtol=0, atol=1e-6)


def test_colorization_fits_without_the_colours() -> None:
    """Their SVD holds the grey direction alone, so the argmin loses what z has in the others."""
    theirs = physics.Decolorize(channels=3, srf="average").double()
    z = noise(1, *SHAPE)
    found = theirs.prox_l2(z, theirs.A(z), 1.0)
    grey = z.mean(1, keepdim=True).expand_as(z)
    torch.testing.assert_close(found, grey, rtol=0, atol=1e-6)  # z itself is the argmin


@pytest.mark.parametrize("factor", [2, 4])
def test_bicubic(factor: int) -> None:
    agree(BicubicSR(factor, SHAPE), physics.DownsamplingMatlab(factor=factor).double(), atol=1e-7)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_average(factor: int) -> None:
    box = torch.full((1, 1, factor, factor), 1 / factor**2, dtype=torch.float64)
    theirs = physics.Downsampling(img_size=SHAPE, filter=box, factor=factor, padding="valid").double()
    agree(AverageSR(factor, SHAPE), theirs)


@pytest.mark.parametrize(("ours", "padding"), [(GaussianBlur, "reflect"), (TruncatedBlur, "constant")])
def test_gaussian_blur(ours: Any, padding: str) -> None:
    """``TruncatedBlur`` with no direction dropped is a blur of an image with zeros around it."""
    width = torch.tensor([0.9])
    taps = gaussian_taps(width)[0, 26:35]
    kernel = torch.outer(taps, taps)[None, None]
    theirs = physics.Blur(filter=kernel, padding=padding).double()
    agree(ours.of(width, SHAPE, **({"cutoff": 0.0} if ours is TruncatedBlur else {})), theirs)


def test_compressed_sensing_of_pixels_in_their_order() -> None:
    ours = CompressedSensing(4, torch.arange(1024)[None], SHAPE)
    first = torch.zeros(1, 3, 1024, dtype=torch.float64)
    first[..., :256] = 1
    theirs = physics.SinglePixelCamera(1024, SHAPE, dtype=torch.float64)
    theirs.update(mask=first.unflatten(-1, (32, 32)))
    x, y = noise(1, *SHAPE), noise(1, 3, 256)
    torch.testing.assert_close(ours(x), theirs(x).flatten(-2)[..., :256], rtol=0, atol=1e-10)
    torch.testing.assert_close(ours.adjoint(y), theirs.A_adjoint(ours.svd.Ut(y)), rtol=0, atol=1e-10)


def test_phase_retrieval_squared() -> None:
    def transform(x: Tensor) -> Tensor:
        wide = torch.nn.functional.pad(x, (8, 8, 8, 8))
        shifted = torch.fft.ifftshift(wide, dim=(-2, -1))
        return torch.fft.fftshift(torch.fft.fft2(shifted, norm="ortho"), dim=(-2, -1))

    theirs = physics.PhaseRetrieval(physics.LinearPhysics(A=transform, img_size=SHAPE))
    x = noise(1, *SHAPE)
    torch.testing.assert_close(PhaseRetrieval(2.0, SHAPE)(x).square(), theirs((x + 1) / 2), rtol=0, atol=1e-9)


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
