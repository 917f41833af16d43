"""DiffPIR: its data step solves what it says, its grid, its units, its exact moments."""

import math
from itertools import pairwise

import pytest
import torch

from posterity.operators.averaging import AverageSR
from posterity.operators.pointwise import Denoising
from posterity.samplers.diffpir import DiffPIR, _quadratic

SHAPE = (3, 4, 4)
OPERATORS = ["inpaint", "sr", "average", "colorize", "denoise"]


@pytest.fixture
def operator_of(bench):
    return {**bench.operators(SHAPE), "average": AverageSR(2, SHAPE)}.__getitem__


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("rho", [1e-6, 0.1, 3.0])
def test_the_data_step_solves_its_normal_equations(bench, operator_of, name, rho):
    """(AᵀA + ρ) x = Aᵀy + ρ x0."""
    operator, x0 = operator_of(name), torch.randn(3, *SHAPE, dtype=torch.float64)
    y = operator(torch.randn(3, *SHAPE, dtype=torch.float64))
    x = DiffPIR._fit(bench.problem(bench.Network(SHAPE), operator, y), x0, rho)
    left = operator.adjoint(operator(x)) + rho * x
    assert (left - operator.adjoint(y) - rho * x0).abs().max() < 1e-12


@pytest.mark.parametrize("name", OPERATORS)
def test_limits_of_the_data_step(bench, operator_of, name):
    operator, x0 = operator_of(name), torch.randn(2, *SHAPE, dtype=torch.float64)
    y = operator(torch.randn(2, *SHAPE, dtype=torch.float64))
    problem = bench.problem(bench.Network(SHAPE), operator, y)
    assert torch.allclose(DiffPIR._fit(problem, x0, 1e14), x0, atol=1e-10)
    assert (operator(DiffPIR._fit(problem, x0, 1e-14)) - y).abs().max() < 1e-10


def test_the_data_step_of_a_mask_is_the_closed_form(bench, operator_of):
    operator, x0 = operator_of("inpaint"), torch.randn(1, *SHAPE, dtype=torch.float64)
    y = operator(torch.randn(1, *SHAPE, dtype=torch.float64))
    x = DiffPIR._fit(bench.problem(bench.Network(SHAPE), operator, y), x0, 0.3)
    assert torch.allclose(x, (y + 0.3 * x0) / (operator.keep + 0.3))


def test_the_grid_is_dense_at_low_noise():
    times = _quadratic(20, 1000)
    assert times[:3] == [999, 770, 675] and times[-1] == 0 and len(times) == 20
    assert times == sorted(times, reverse=True) and times[-2] - times[-1] < times[0] - times[1]
    assert _quadratic(1000, 1000)[-1] == 0 and _quadratic(2, 100) == [99, 0]


def test_the_weight_of_the_prior_counts_the_noise_in_halves(bench):
    """The source's λ = 4 is the weight of Bayes, σ_y²/σ_t²."""
    problem = bench.problem(bench.Network(SHAPE), Denoising(SHAPE), torch.zeros(1, *SHAPE), 0.1)
    level = bench.schedule.level(249)
    assert DiffPIR(strength=4.0)._rho(problem, level) == pytest.approx((0.1 / 0.95294) ** 2, rel=1e-4)
    assert DiffPIR()._rho(problem, level) == pytest.approx((0.05 / 0.95294) ** 2, rel=1e-4)
    problem.sigma_y = 0.0
    assert DiffPIR()._rho(problem, level) == pytest.approx((0.001 / 0.95294) ** 2, rel=1e-4)


def test_moments_against_the_recursion(bench):
    """Scalar prior N(0, 1), y = 1, σ_y = 0.5, written out step by step."""
    prior, y = bench.Gaussian((1, 1, 1), torch.eye(1)), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    sampler = DiffPIR(steps=50, zeta=0.4, strength=4.0, clamp=False)
    outcome = lambda n: bench.restore(sampler, prior, Denoising((1, 1, 1)), y, 0.5, noise=n).x.flatten(1)  # noqa: E731
    found, covariance = bench.exact_moments(outcome)
    a, times = bench.schedule.alpha_bar, _quadratic(50, 1000)
    mean, variance = math.sqrt(a(999)), 1 - a(999)
    for t, s in pairwise(times):
        rho = 0.5**2 * a(t) / (1 - a(t))
        slope, offset = rho * math.sqrt(a(t)) / (1 + rho), 1 / (1 + rho)  # of x0' in x_t: here x0 = √ᾱ_t x_t
        kept = math.sqrt((1 - a(s)) * (1 - 0.4) / (1 - a(t)))
        gain = math.sqrt(a(s)) * slope + kept * (1 - math.sqrt(a(t)) * slope)
        mean = gain * mean + (math.sqrt(a(s)) - kept * math.sqrt(a(t))) * offset
        variance = gain**2 * variance + (1 - a(s)) * 0.4
    assert found.item() == pytest.approx(mean, abs=1e-9) and covariance.item() == pytest.approx(variance, abs=1e-9)


@pytest.mark.parametrize("name", ["sr", "inpaint"])
def test_monte_carlo_agrees_with_the_exact_moments(bench, operator_of, name):
    factor = torch.randn(48, 48, generator=torch.Generator().manual_seed(0)).double() / 8
    prior, operator = bench.Gaussian(SHAPE, factor @ factor.T + 0.01 * torch.eye(48), mean=0.1), operator_of(name)
    y = operator(torch.full((1, *SHAPE), 0.3, dtype=torch.float64))
    sampler = DiffPIR(steps=25, clamp=False)
    outcome = lambda n: bench.restore(sampler, prior, operator, y, 0.1, noise=n).x.flatten(1)  # noqa: E731
    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome), count=5000)


@pytest.mark.parametrize("sigma_y", [0.0, 0.2])
def test_noiseless_known_pixels_are_pasted_and_noisy_ones_are_not(bench, operator_of, sigma_y):
    operator = operator_of("inpaint")
    y, noise = operator(torch.rand(1, *SHAPE, dtype=torch.float64)), bench.rows(bench.Draws, 3)
    samples = bench.restore(DiffPIR(steps=20, zeta=1.0), bench.Network(SHAPE), operator, y, sigma_y, noise=noise)
    assert torch.equal(operator(samples.x), y.expand(3, *SHAPE)) == (sigma_y == 0)
    assert (samples.cost.forwards, samples.cost.backwards) == (19, 0)


def test_known_pixels_are_pasted_on_request(bench, operator_of):
    """Published pictures were saved before; without, known pixels keep the noise of level 0."""
    operator = operator_of("inpaint")
    y = operator(torch.rand(2, *SHAPE, dtype=torch.float64) * 2 - 1)
    problem, noise = bench.problem(bench.Network(SHAPE), operator, y), bench.Draws(0, ["a"] * 2, range(2))
    pasted, plain = (DiffPIR(steps=10, paste=paste).sample(problem, noise).x for paste in (True, False))
    known = operator.where_measured(y) > 0
    assert torch.equal(pasted[known], y[known]) and (plain - y)[known].abs().mean() > 1e-3
    assert torch.equal(pasted[~known], plain[~known])


def test_without_a_range_the_noise_counts_as_it_is(bench):
    prior = bench.Network(SHAPE)
    prior.bounds = None
    problem = bench.problem(prior, Denoising(SHAPE), torch.zeros(1, *SHAPE), 0.1)
    level = bench.schedule.level(249)
    assert DiffPIR(strength=1.0)._rho(problem, level) == pytest.approx((0.1 / level.sigma) ** 2, rel=1e-9)
