"""Metrics against hand-made values."""

import math

import numpy as np
import pytest
import torch

from posterity import metrics
from posterity.metrics.base import Pool
from posterity.metrics.lr_psnr import consistent, lr_psnr
from posterity.metrics.sliced_wasserstein import sliced_wasserstein
from posterity.signals import find


def pool(x, truth=None, **known):
    """A pool of images."""
    here = {
        "kind": find("image"),
        "count": len(x),
        "missing": torch.tensor(True),
        "recorded": {},
        "compared": len(x),
        "file": None,
    } | known
    return Pool(x=x, truth=truth, **here)


def values(metric, x, truth):
    return metrics.find(metric)().values(pool(x, truth), range(len(x)))


def test_psnr_of_a_constant_error():
    x = torch.zeros(2, 3, 32, 32)
    assert values("psnr", x + 0.2, x[0]) == pytest.approx([20.0, 20.0], abs=1e-3)
    assert values("ssim", x, x[0]) == pytest.approx([1.0, 1.0])


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
    assert values("ssim", x, truth[0]) == pytest.approx([theirs], abs=1e-6)
    mirrored = structural_similarity_index_measure(b, a, data_range=1.0).item()
    assert values("ssim_mirror", x, truth[0]) == pytest.approx([mirrored], abs=1e-6)


def test_noise_in_colour_alone_counts():
    """Red up and green down by what leaves the luminance: invisible to ``ssim_luma``."""
    truth, _ = pair(64)
    wave = 0.1 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    x = truth + torch.cat([wave / 0.299, -wave / 0.587, 0 * wave], dim=1)
    truth, x = truth / 2, x / 2
    assert values("ssim_luma", x, truth[0])[0] > 0.99
    assert values("ssim", x, truth[0])[0] < 0.8 and values("ssim_zeros", x, truth[0])[0] < 0.8


def test_ssim_with_zeros_around_the_image():
    """Equal to the mean over all windows of images that stand in a black frame."""
    truth, x = pair(16)
    framed = [torch.nn.functional.pad(v, (5, 5, 5, 5), value=-1.0) for v in (x, truth)]
    assert values("ssim_zeros", x, truth[0]) == pytest.approx(values("ssim", framed[0], framed[1][0]), abs=1e-12)
    assert abs(values("ssim_zeros", x, truth[0])[0] - values("ssim", x, truth[0])[0]) > 0.01


@pytest.mark.parametrize("metric", ["ssim", "ssim_mirror", "ssim_zeros", "ssim_luma"])
def test_grey_is_three_equal_channels(metric):
    truth, x = (v[:, :1] for v in pair(32))
    of_colour = values(metric, x.expand(-1, 3, -1, -1), truth[0].expand(3, -1, -1))
    assert values(metric, x, truth[0]) == pytest.approx(of_colour, abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "least"), [("ssim", 11), ("ssim_luma", 11), ("lpips", 16), ("diversity", 16), ("niqe", 96), ("psnr", 1)]
)
def test_images_that_are_too_small(metric, least):
    one = metrics.find(metric)()
    assert one.undefined(find("image"), (2, 3, least, 200)) is None
    if least > 1:
        said = one.undefined(find("image"), (2, 3, 200, least - 1))
        assert said.startswith("N/A: ") and f"{least} px, the image is 200×{least - 1}" in said


def test_lr_psnr():
    y = torch.zeros(1, 3, 4, 4)
    noisy = lr_psnr(y, y + 0.1)
    assert float(noisy) == pytest.approx(20 * math.log10(1 / 0.05), abs=1e-4)
    assert not consistent(float(noisy)) and consistent(float(lr_psnr(y, y)))


def of_modes(metric, modes, exact, *members):
    x = torch.zeros(len(modes), 3, 4, 4)
    return metrics.find(metric)().value(pool(x, exact=exact, recorded={"mode": modes}), *members)


def test_modes():
    exact = {0: 0.5, 1: 0.49, 2: 0.01}
    assert of_modes("tv", [0, 0, 1, 1], exact) == pytest.approx(0.01)
    assert of_modes("tv", [7], {0: 1.0}) == 1
    assert of_modes("modes_shown", [0, 0, 2], exact, [0, 1, 2]) == 0.5
    assert of_modes("modes_shown", [0], {0: 0.005}, [0]) is None


def test_diversity_and_coverage():
    """Of numbers on a line, which the metrics of other signals than images compare by their difference."""
    x = torch.tensor([0, 0.25, 5, 5.25, 20])[:, None, None]
    line = pool(x, kind=find("ecg", 100.0))
    diversity, coverage = metrics.find("diversity")(), metrics.find("coverage")()
    assert diversity.value(line, [0, 1]) == pytest.approx(0.25) and diversity.value(line, [0]) is None
    assert coverage.value(line, [0, 2]) == pytest.approx(2 / 3)
    assert coverage.unfit(line, [0, 2]) is None and "whole pool" in coverage.unfit(line, range(5))


@pytest.mark.parametrize(
    ("metric", "needs"), [(n, d["needs"]) for n, d in metrics.schema().items() if d["scope"] != "run"]
)
def test_what_a_metric_needs_is_told_where_it_is_not_there(metric, needs):
    """Each need alone, with everything else there."""
    x, one = torch.zeros(2, 3, 128, 128), metrics.find(metric)()
    there = {"truth": x[0], "exact": {0: 1.0}, "recorded": {"mode": [0, 0]}, "reference": x}
    gone = {
        "truth": None,
        "posterior": {},
        "modes": {"mode": [0, None]},
        "reference": None,
        "image": find("ecg", 100.0),
    }
    column = {"posterior": "exact", "modes": "recorded", "image": "kind"}
    assert one.lacking(pool(x, **there)) is None
    for need, without in gone.items():
        told = one.lacking(pool(x, **there | {column.get(need, need): without}))
        assert (told is not None) == (need in needs), need
        assert told is None or told.startswith("N/A: ")


def test_sliced_wasserstein_of_a_shift():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 50))
    shift = np.zeros(50)
    shift[0] = 3
    assert sliced_wasserstein(x, x) == pytest.approx(0, abs=1e-9)
    assert sliced_wasserstein(x, x + shift) == pytest.approx(3 / np.sqrt(50), rel=0.15)
