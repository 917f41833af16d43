"""ILVR: it samples the prior when nothing is conditioned, is replacement under a mask, and never fits y exactly."""

import pytest
import torch

from posterity.operators.masks import Inpainting
from posterity.samplers.ddnm import DDNM
from posterity.samplers.ilvr import ILVR
from posterity.samplers.replacement import Replacement

SHAPE = (3, 8, 8)


@pytest.fixture
def prior(bench):
    factor = torch.randn(192, 192, generator=torch.Generator().manual_seed(0)).double() / 16
    return bench.Gaussian(SHAPE, factor @ factor.T + 0.01 * torch.eye(192))


def consistency(x, y, operator):
    """PSNR of A x against y in dB, the range being 2."""
    return 10 * torch.log10(4 / (operator(x) - y).square().mean()).item()


@pytest.mark.parametrize("name", ["sr", "colorize"])
def test_noiseless_restorations_do_not_agree_with_y(bench, prior, name):
    """However long it is conditioned: below the exactness of DDNM, and worse the earlier the range ends."""
    operator, noise = bench.operators(SHAPE)[name], bench.rows(bench.Draws, 20)
    y = operator(0.4 * torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    found = [
        consistency(bench.restore(ILVR(last=k, clamp=False), prior, operator, y, noise=noise).x, y, operator)
        for k in (0, 20, 60, 100)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] < 70 and found[1] < 40
    assert consistency(bench.restore(DDNM(), prior, operator, y, noise=noise).x, y, operator) > 200


def test_unconditioned_it_samples_the_prior(bench):
    covariance = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)
    prior, keep = bench.Gaussian((1, 1, 2), covariance, 0.25), torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    sampler = ILVR(steps=1000, last=1000, clamp=False)
    outcome = lambda n: bench.restore(sampler, prior, Inpainting(keep, (1, 1, 2)), keep, noise=n).x.flatten(1)  # noqa: E731
    mean, found = bench.exact_moments(outcome)
    assert torch.allclose(mean, torch.full((2,), 0.25, dtype=torch.float64), atol=5e-3)
    assert torch.allclose(found, covariance, rtol=0.02)


def test_with_a_mask_it_is_replacement_up_to_the_last_step(bench):
    """A⁺A keeps the known pixels, so the unknown one has replacement's moments (and its bias)."""
    prior = bench.Gaussian((1, 1, 2), torch.tensor([[1.0, 0.9], [0.9, 1.0]]))
    y = torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    moments = []
    for sampler in (ILVR(steps=250, clamp=False), Replacement(steps=250, clamp=False)):
        outcome = lambda n, s=sampler: bench.restore(s, prior, Inpainting(y, (1, 1, 2)), y, noise=n).x.flatten(1)  # noqa: E731
        moments.append(bench.exact_moments(outcome))
    (mean, covariance), (same_mean, same_covariance) = moments
    assert torch.allclose(mean[1], same_mean[1]) and torch.allclose(covariance[1, 1], same_covariance[1, 1])
    assert 0 < covariance[0, 0] < 1e-3


def test_monte_carlo_agrees_with_the_exact_moments(bench):
    small = (3, 4, 4)
    prior, operator = bench.Gaussian(small, 0.3 * torch.eye(48) + 0.1, mean=0.1), bench.operators(small)["sr"]
    y = operator(torch.full((1, *small), 0.3, dtype=torch.float64))
    outcome = lambda n: bench.restore(ILVR(steps=25, clamp=False), prior, operator, y, noise=n).x.flatten(1)  # noqa: E731
    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome), count=5000)


def test_evaluations_and_range(bench):
    operator = bench.operators((3, 4, 4))["sr"]
    y = operator(torch.zeros(1, 3, 4, 4, dtype=torch.float64))
    prior = bench.Oracle(torch.full((3, 4, 4), 7.0, dtype=torch.float64))
    samples = bench.restore(ILVR(), prior, operator, y, noise=bench.rows(bench.Draws, 2))
    assert (samples.cost.forwards, samples.cost.backwards) == (100, 0)
    assert torch.equal(samples.x, torch.ones_like(samples.x))
