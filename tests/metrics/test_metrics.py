"""Metrics against hand-made values."""

import math

import numpy as np
import pytest
import torch

from posterity.metrics import images, sets
from posterity.signals import find


def test_psnr_of_a_constant_error():
    x = torch.zeros(2, 3, 32, 32)
    assert images.psnr(x + 0.2, x) == pytest.approx([20.0, 20.0], abs=1e-3)
    assert images.ssim(x, x) == pytest.approx([1.0, 1.0])


def pair(size, seed=0, noise=0.3):
    """(a smooth picture, the same with noise) in [-1, 1], (1, 3, size, size)."""
    rng = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    clean = torch.stack([torch.sin(3 * x), torch.cos(2 * y), x * y])[None] * 0.8
    return clean, (clean + noise * torch.randn(clean.shape, generator=rng)).clamp(-1, 1)


@pytest.mark.parametrize("size", [11, 32, 64])
@pytest.mark.parametrize("noise", [0.05, 0.3, 2.0])
def test_ssim_is_the_field_s(size, noise):
    """Per channel on RGB, Gaussian window, data range 1: as scikit-image and torchmetrics have it."""
    from skimage.metrics import structural_similarity
    from torchmetrics.functional.image import structural_similarity_index_measure

    truth, x = pair(size, noise=noise)
    a, b = ((v.double() + 1) / 2 for v in (truth, x))
    kind = {"channel_axis": 0, "data_range": 1.0, "gaussian_weights": True, "sigma": 1.5}
    theirs = structural_similarity(a[0].numpy(), b[0].numpy(), use_sample_covariance=False, **kind)
    assert images.ssim(x, truth) == pytest.approx([theirs], abs=1e-6)
    mirrored = structural_similarity_index_measure(b, a, data_range=1.0).item()
    assert images.ssim_mirror(x, truth) == pytest.approx([mirrored], abs=1e-6)


def test_noise_in_colour_alone_counts():
    """Red up and green down by what leaves the luminance: invisible to ``ssim_luma``."""
    truth, _ = pair(64)
    wave = 0.1 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    x = truth + torch.cat([wave / 0.299, -wave / 0.587, 0 * wave], dim=1)
    truth, x = truth / 2, x / 2
    assert images.ssim_luma(x, truth)[0] > 0.99
    assert images.ssim(x, truth)[0] < 0.8 and images.ssim_zeros(x, truth)[0] < 0.8


def test_ssim_with_zeros_around_the_image():
    """Equal to the mean over all windows of images that stand in a black frame."""
    truth, x = pair(16)
    framed = [torch.nn.functional.pad(v, (5, 5, 5, 5), value=-1.0) for v in (x, truth)]
    assert images.ssim_zeros(x, truth) == pytest.approx(images.ssim(*framed), abs=1e-12)
    assert abs(images.ssim_zeros(x, truth)[0] - images.ssim(x, truth)[0]) > 0.01


@pytest.mark.parametrize("metric", [images.ssim, images.ssim_mirror, images.ssim_zeros, images.ssim_luma])
def test_grey_is_three_equal_channels(metric):
    truth, x = (v[:, :1] for v in pair(32))
    assert metric(x, truth) == pytest.approx(metric(x.expand(-1, 3, -1, -1), truth.expand(-1, 3, -1, -1)), abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "least"), [("ssim", 11), ("ssim_luma", 11), ("lpips", 16), ("diversity", 16), ("niqe", 96), ("psnr", 1)]
)
def test_images_that_are_too_small(metric, least):
    assert images.undefined(metric, find("image"), (2, 3, least, 200)) is None
    if least > 1:
        said = images.undefined(metric, find("image"), (2, 3, 200, least - 1))
        assert said.startswith("N/A: ") and f"{least} px, the image is 200×{least - 1}" in said


def test_lr_psnr():
    y = torch.zeros(1, 3, 4, 4)
    noisy = images.lr_psnr(y, y + 0.1)
    assert float(noisy) == pytest.approx(20 * math.log10(1 / 0.05), abs=1e-4)
    assert not images.consistent(float(noisy)) and images.consistent(float(images.lr_psnr(y, y)))


def test_modes():
    exact = {0: 0.5, 1: 0.49, 2: 0.01}
    assert sets.total_variation([0, 0, 1, 1], exact) == pytest.approx(0.01)
    assert sets.total_variation([7], {0: 1.0}) == 1
    assert sets.modes_shown([0, 0, 2], exact) == 0.5


def test_diversity_and_coverage():
    d = np.abs(np.subtract.outer([0, 0.25, 5, 5.25, 20], [0, 0.25, 5, 5.25, 20]))
    assert sets.diversity(d[:2, :2]) == pytest.approx(0.25) and sets.diversity(d[:1, :1]) is None
    assert sets.coverage(d, [0, 2]) == pytest.approx(2 / 3) and sets.coverage(d, range(5)) is None


def test_sliced_wasserstein_of_a_shift():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 50))
    shift = np.zeros(50)
    shift[0] = 3
    assert sets.sliced_wasserstein(x, x) == pytest.approx(0, abs=1e-9)
    assert sets.sliced_wasserstein(x, x + shift) == pytest.approx(3 / np.sqrt(50), rel=0.15)
