"""Modes that VIPaint shows: two of them, with the weights that the measurement leaves them (phase 2 included)."""

import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.masks import Inpainting
from posterity.priors.mixture import Mixture
from posterity.samplers.base import Problem
from posterity.samplers.vipaint import VIPaint

SCHEDULE = Schedule.scaled_linear(0.0015, 0.0195)
SHAPE = (1, 1, 2)
LONG = {"iterations": 200, "draws": 64, "decay": 0.7}
"""A fit that has come to rest: after fifty iterations of ten draws the weight of a mode differs by .02 between fits."""


def lighter(seen, value, count, seed=1, fits=1, **settings):
    """Share of draws in the lighter of two modes (.7 and .3) of the first number; ``count`` of each fit."""
    means = torch.tensor([[0.8, 0.0], [-0.8, 0.0]], dtype=torch.float64).view(2, *SHAPE)
    prior = Mixture(torch.tensor([0.7, 0.3]), means, 0.15**2, SCHEDULE)
    keep, y = (torch.zeros(1, *SHAPE, dtype=torch.float64) for _ in range(2))
    keep[..., seen], y[..., seen] = 1, value
    rows = torch.arange(fits * count)
    problem = Problem(prior, Inpainting(keep, SHAPE), y.expand(len(rows), *SHAPE), 0.1, rows // count)
    noise = Noise(seed, [str(row // count) for row in rows.tolist()], (rows % count).tolist())
    x = VIPaint(**{"steps": 60, "clamp": False, "scale": 0.3, **settings}).sample(problem, noise).x
    return (x[..., 0] < 0).double().mean().item()


@pytest.mark.parametrize("seed", [1, 2])
def test_one_fit_leaves_the_weights_of_modes_of_which_a_measurement_says_nothing(seed):
    """A standard error of .01 for 2000 draws, and .004 from fit to fit."""
    assert lighter(seen=1, value=0.1, count=2000, seed=seed, **LONG) == pytest.approx(0.3, abs=0.03)


def test_one_fit_leaves_the_mode_that_a_measurement_decides_for():
    assert lighter(seen=0, value=-0.8, count=300) > 0.97


def test_published_fits_are_right_in_the_mean():
    """Forty fits of the published length."""
    assert lighter(seen=1, value=0.1, count=50, fits=40) == pytest.approx(0.3, abs=0.03)


def test_phase_2_has_a_part_in_a_decision():
    assert lighter(seen=0, value=-0.8, count=50, fits=40) > 0.97
    assert lighter(seen=0, value=-0.8, count=50, fits=40, scale=0.0) < 0.95
