"""The mean variance of a posterior against its own exact draws, and against a dense computation."""

import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.operators.averaging import AverageSR
from posterity.operators.dense import Dense
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.priors.atoms import Atoms
from posterity.priors.base import NoClosedForm
from posterity.priors.blocks import Blocks
from posterity.priors.gaussian import Gaussian
from posterity.priors.kernel import Kernel
from posterity.priors.mixture import Mixture
from posterity.priors.stationary import StationaryGaussian

SHAPE = (1, 4, 4)


def images(count=6):
    return 2 * torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1


def masks():
    """One row's mask is not the other's."""
    keep = torch.ones(2, 1, 4, 4, dtype=torch.float64)
    keep[0, ..., 1:], keep[1, ..., 2:, :] = 0, 0
    return Inpainting(keep, SHAPE)


def blocks():
    regions = torch.zeros(2, 4, 4, dtype=torch.bool)
    regions[0, :2], regions[1, 2:] = True, True
    return Blocks(images(), torch.ones(6), 0.1, torch.tensor([0, 0, 0, 1, 1, 1]), regions)


def matrix():
    return Dense(torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64) / 4, SHAPE)


COVARIANCE = torch.randn(16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 8
PRIORS = {
    "kernel": (lambda: Kernel(images(), torch.ones(6), 0.1), masks),
    "kernel, matrices": (lambda: Kernel(images(), torch.ones(6), 0.1), matrix),
    "blocks": (blocks, masks),
    "mixture": (lambda: Mixture(torch.ones(6), images(), COVARIANCE @ COVARIANCE.T), masks),
    "gaussian": (lambda: Gaussian(images()[0], COVARIANCE @ COVARIANCE.T), masks),
    "atoms": (lambda: Atoms(images(), torch.arange(1.0, 7.0)), masks),
    "stationary": (lambda: StationaryGaussian.estimate(images()), lambda: Denoising(SHAPE)),
}


@pytest.mark.parametrize("name", PRIORS)
def test_it_is_the_variance_of_exact_draws(name):
    """Within 5 standard errors of 20 000 draws for each of two measurements."""
    made, operator = (make() for make in PRIORS[name])
    x = made.points[:2] if name == "atoms" else images()[:2]
    y, sigma_y = operator(x), 0.6
    found = made.posterior(operator, y, sigma_y).variance
    index = torch.arange(2).repeat_interleave(20_000)
    many = operator.rows(index)
    noise = Noise(0, ["a"] * len(index), range(len(index)))
    drawn = made.posterior(many, y[index], sigma_y).sample(noise).flatten(1).view(2, 20_000, -1)
    squares = (drawn - drawn.mean(1, keepdim=True)).square().mean(2)
    error = 5 * squares.std(1) / 20_000**0.5
    assert ((squares.mean(1) - found).abs() < error).all(), (squares.mean(1), found, error)
    # the spread of a mode alone, or of the modes without y, would be caught
    assert found.shape == (2,) and (error < 0.2 * found).all()


def test_where_it_is_not_known_it_is_refused():
    prior = StationaryGaussian.estimate(images())
    with pytest.raises(NoClosedForm, match="a SolvedPosterior does not know its variance"):
        _ = prior.posterior(masks(), masks()(images()[:2]), 0.5).variance


def test_without_noise_what_is_measured_does_not_vary():
    pooled = AverageSR(2, SHAPE)
    prior = Kernel(images(), torch.ones(6), 0.02)
    variance = prior.posterior(pooled, pooled(images()[:1]), 0.0).variance
    # one mode is left, and 12 of 16 directions are free
    torch.testing.assert_close(variance, torch.tensor([0.0004 * 12 / 16], dtype=torch.float64), rtol=1e-6, atol=0)
