"""RED-diff: Adam scalar by scalar, the pull of the denoiser, the stationary point, costs; and at random times."""

import math

import pytest
import torch

from posterity.diffusion.levels import Level
from posterity.errors import PosterityError
from posterity.operators.hdr import Clipping
from posterity.operators.pointwise import Denoising
from posterity.samplers._adam import Adam
from posterity.samplers.reddiff import REDDiff

SHAPE = (3, 4, 4)


def test_adam_is_torch_adam():
    rng = torch.Generator().manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(4, 3, generator=rng, dtype=torch.float64))
    mine, own = parameter.detach().clone(), Adam(0.1, betas=(0.9, 0.99))
    theirs = torch.optim.Adam([parameter], lr=0.1, betas=(0.9, 0.99))
    for _ in range(50):
        gradient = torch.randn(4, 3, generator=rng, dtype=torch.float64)
        mine, parameter.grad = mine - own.step(gradient), gradient
        theirs.step()
    assert torch.allclose(mine, parameter.detach(), atol=1e-12)


@pytest.mark.parametrize("name", ["inpaint", "sr", "colorize"])
def test_the_misfit_is_a_mean_over_each_row(bench, name):
    """Aᵀ(A μ - y)/M, M the entries of y (masked ones counted), whatever stands in the masked ones."""
    operator = bench.operators(SHAPE)[name]
    mu = torch.randn(3, *SHAPE, dtype=torch.float64)
    y = torch.randn_like(operator(mu))
    found = REDDiff._misfit_slope(bench.problem(bench.Network(SHAPE), operator, y), mu)
    residual = operator.where_measured(y) * (operator(mu) - y)
    assert torch.allclose(found, operator.adjoint(residual) / y[0].numel(), atol=1e-14)


def test_with_linear_weights_the_denoiser_pulls_to_its_prediction(bench):
    """w_t (ε - z) = λ (μ - x0) at every time, whatever z is."""
    problem = bench.problem(bench.Network(SHAPE), bench.operators(SHAPE)["denoise"], torch.zeros(2, *SHAPE).double())
    mu, z = torch.randn(2, *SHAPE, dtype=torch.float64), torch.randn(2, *SHAPE, dtype=torch.float64)
    for t in (0, 300, 999):
        pull, x0 = REDDiff(strength=0.7)._pull(problem, mu, bench.schedule.level(t), z)
        assert torch.allclose(pull, 0.7 * (mu - x0) / 48, atol=1e-12)


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("linear", 4.0),
        ("sqrt", 2.0),
        ("square", 16.0),
        ("log", math.log(5)),
        ("clipped", 1.0),
        ("constant", 1.0),
        ("two_thirds", 4 ** (2 / 3)),
    ],
)
def test_weights(weighting, expected):
    found = REDDiff(weighting=weighting, strength=0.5)._weight(Level(500.0, 1 / 17, 0.5))
    assert found == pytest.approx(0.5 * expected)


@pytest.mark.parametrize(
    ("variance", "kappa", "ratio"), [(1.0, 0.72449, 0.8467), (0.25, 0.82695, 0.8287), (0.1, 0.87946, 0.8198)]
)
def test_the_expected_gradient_vanishes_where_it_should(bench, variance, kappa, ratio):
    """Over random times and noises it is v(μ - y) + λκμ, zero at μ = v y/(v + λκ)."""
    y, z = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    problem = bench.problem(bench.Gaussian((1, 1, 1), variance * torch.eye(1)), Denoising((1, 1, 1)), y)
    # The pull is affine in z, so its mean over z is its value at z = 0.
    pulls = torch.stack([REDDiff()._pull(problem, ratio * y, bench.schedule.level(t), z)[0] for t in range(1000)])
    assert pulls.mean().item() == pytest.approx(0.25 * kappa * ratio, abs=2e-6)
    assert (pulls.mean() + REDDiff._misfit_slope(problem, ratio * y)).item() == pytest.approx(0.0, abs=1e-4)


def test_it_descends_and_starts_at_the_pseudo_inverse(bench):
    operator, prior = bench.operators(SHAPE)["sr"], bench.Network(SHAPE)
    y, seen = operator(torch.rand(1, *SHAPE, dtype=torch.float64)), []
    predict, noise = prior.predict, bench.rows(bench.Draws, 2)
    prior.predict = lambda x_t, level: seen.append(x_t) or predict(x_t, level)
    samples = bench.restore(REDDiff(steps=100), prior, operator, y, noise=noise)
    assert prior.times == list(range(990, -1, -10))
    a, z = bench.schedule.alpha_bar(990), noise.normal("step", 0, SHAPE)
    assert torch.allclose(seen[0], math.sqrt(a) * operator.pinv(y) + math.sqrt(1 - a) * z)
    assert (samples.cost.forwards, samples.cost.backwards) == (100, 0)


@pytest.mark.parametrize("name", ["inpaint", "sr"])
def test_restorations_come_near_y(bench, name):
    operator, prior = bench.operators(SHAPE)[name], bench.Gaussian(SHAPE, 0.1 * torch.eye(48) + 0.05)
    y, noise = operator(torch.full((1, *SHAPE), 0.5, dtype=torch.float64)), bench.rows(bench.Draws, 5)
    x = bench.restore(REDDiff(steps=500, rate=0.02), prior, operator, y, noise=noise).x
    assert (operator(x) - y).abs().mean() < 0.3


def test_a_late_start_is_refused(bench):
    operator, y = bench.operators(SHAPE)["sr"], torch.zeros(1, 3, 1, 1, dtype=torch.float64)
    with pytest.raises(PosterityError, match="no noisy state"):
        noise = bench.rows(bench.Draws, 1)
        bench.restore(REDDiff(), bench.Network(SHAPE), operator, y, noise=noise, start=(300, torch.zeros(1, *SHAPE)))


def test_it_starts_from_noise_where_there_is_no_pseudo_inverse(bench):
    operator, prior = Clipping(2.0, SHAPE), bench.Network(SHAPE)
    y, noise, seen = torch.zeros(1, *SHAPE, dtype=torch.float64), bench.rows(bench.Draws, 2), []
    predict = prior.predict
    prior.predict = lambda x_t, level: seen.append(x_t) or predict(x_t, level)
    bench.restore(REDDiff(steps=2), prior, operator, y, noise=noise)
    a = bench.schedule.alpha_bar(prior.times[0])
    begun = math.sqrt(a) * noise.normal("init", 0, SHAPE) + math.sqrt(1 - a) * noise.normal("step", 0, SHAPE)
    assert torch.allclose(seen[0], begun)
