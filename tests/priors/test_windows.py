"""Long signals through a prior of short ones: exact where the short one is, without seams, and with the whole cost."""

from __future__ import annotations

import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.masks import Inpainting
from posterity.priors.gaussian import Gaussian
from posterity.priors.stationary import StationaryGaussian
from posterity.priors.windows import Windows
from posterity.samplers import find
from posterity.samplers.base import Problem

SCHEDULE = Schedule.linear()


def smooth(length: int) -> StationaryGaussian:
    """Correlated over a few samples, in two channels."""
    frequency = torch.arange(length // 2 + 1) / length
    power = 0.05 + 4 * torch.exp(-((frequency / 0.05) ** 2))
    return StationaryGaussian(torch.tensor([0.3, -0.2]), power.expand(2, 1, -1).double(), (length,), SCHEDULE)


def test_one_window_is_the_prior_itself() -> None:
    prior = smooth(32)
    x_t = torch.randn(3, 2, 32, generator=torch.Generator().manual_seed(0)).double()
    level = SCHEDULE.level(300)
    found = Windows(prior, 32).predict(x_t, level)
    torch.testing.assert_close(found.x0, prior.predict(x_t, level).x0)
    assert found.evaluations == 1


@pytest.mark.parametrize("length", [33, 48, 70, 257])
def test_independent_values_are_denoised_exactly_at_any_length(length: int) -> None:
    white = Gaussian(torch.full((2, 32), 0.1, dtype=torch.float64), 0.04 * torch.eye(64, dtype=torch.float64), SCHEDULE)
    x_t = torch.randn(2, 2, length, generator=torch.Generator().manual_seed(0)).double()
    level = SCHEDULE.level(400)
    found, a = Windows(white, length).predict(x_t, level), level.alpha_bar
    expected = 0.1 + a**0.5 * 0.04 / (a * 0.04 + 1 - a) * (x_t - a**0.5 * 0.1)
    torch.testing.assert_close(found.x0, expected, rtol=0, atol=1e-12)
    assert found.evaluations == 1 + -(-(length - 32) // 16)


def test_a_restoration_of_a_long_signal_follows_the_long_prior() -> None:
    """DDNM with the windows' denoiser and with that of the long Gaussian: the same noise, nearly the same draws."""
    long, short = smooth(160), smooth(64)
    keep = torch.ones(4, 1, 160, dtype=torch.float64)
    keep[..., 70:90] = 0
    operator = Inpainting(keep, (2, 160))
    white = Noise(0, ["truth"] * 4, range(4)).normal("start", 0, (2, 160))
    truth = long.mean + long.filter(white, long.eigen[0].sqrt())
    drawn = []
    for prior in (long, Windows(short, 160)):
        problem = Problem(prior, operator, keep * truth, 0.0, torch.arange(4))
        drawn.append(find("ddnm")(steps=50).sample(problem, Noise(1, ["a"] * 4, range(4))).x)
    difference = (drawn[0] - drawn[1]).square().mean() ** 0.5
    assert difference < 0.1 * (drawn[0] - truth).square().mean() ** 0.5


def test_a_signal_that_is_too_short_is_one_line() -> None:
    with pytest.raises(PosterityError, match="a signal of 31 samples is shorter than the 32"):
        Windows(smooth(32), 31)
