"""Metrics against hand-made values."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from posterity.metrics import images, sets


def test_psnr_of_a_constant_error():
    x = torch.zeros(2, 3, 32, 32)
    assert images.psnr(x + 0.2, x) == pytest.approx([20.0, 20.0], abs=1e-3)
    assert images.ssim(x, x) == pytest.approx([1.0, 1.0])


def test_niqe_is_not_applicable_to_small_images():
    values, reason = images.niqe(torch.zeros(2, 3, 64, 64), Path("absent.mat"))
    assert values == [None, None] and "96" in reason


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
