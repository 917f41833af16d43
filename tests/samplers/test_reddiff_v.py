"""RED-diff-V: random times that a seed fixes and all rows share, and the stationary point that they lead to."""

import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.operators.pointwise import Denoising
from posterity.samplers.reddiff_v import REDDiffV

SHAPE = (3, 4, 4)


def times(bench, seed, rows):
    operator, prior = bench.operators(SHAPE)["sr"], bench.Network(SHAPE)
    y = torch.zeros(1, 3, 1, 1, dtype=torch.float64)
    bench.restore(REDDiffV(steps=200), prior, operator, y, noise=Noise(seed, ["a"] * rows, range(rows)))
    return prior.times


def test_times_are_random_and_fixed_by_the_seed(bench):
    first = times(bench, 0, 1)
    assert first == times(bench, 0, 3) != times(bench, 1, 1)
    assert min(first) >= 0 and max(first) <= 999 and len({*first}) > 150
    assert 400 < sum(first) / 200 < 600


@pytest.mark.parametrize(("variance", "ratio"), [(1.0, 0.8467), (0.25, 0.8287), (0.1, 0.8198)])
def test_it_hovers_around_the_stationary_point(bench, variance, ratio):
    """Prior N(0, s²), y = 1, A = I: small steps end near v y/(v + λκ)."""
    prior, y = bench.Gaussian((1, 1, 1), variance * torch.eye(1)), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    operator, sampler = Denoising((1, 1, 1)), REDDiffV(rate=0.003)
    samples = bench.restore(sampler, prior, operator, y, noise=bench.rows(bench.Draws, 200))
    assert samples.x.mean().item() == pytest.approx(ratio, abs=0.05)
    assert (samples.cost.forwards, samples.cost.backwards) == (1000, 0)
