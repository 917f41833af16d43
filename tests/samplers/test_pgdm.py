"""ΠGDM: the moments that its three weights lead to, its gradient against the analytic Jacobian, its cost."""

import math

import pytest
import torch

from posterity.diffusion.levels import Level
from posterity.operators.pointwise import Denoising
from posterity.priors.base import Prediction
from posterity.samplers.pgdm import PGDM

SHAPE = (3, 4, 4)
OPERATORS = ["inpaint", "sr", "colorize", "denoise"]


@pytest.fixture
def prior(bench):
    factor = torch.randn(48, 48, generator=torch.Generator().manual_seed(0)).double() / 8
    return bench.Gaussian(SHAPE, factor @ factor.T + 0.01 * torch.eye(48), mean=0.1)


@pytest.mark.parametrize(
    ("weight", "eta", "steps", "mean", "variance"),
    [
        ("exact", 0.0, 100, 0.7976, 0.1879),
        ("exact", 0.0, 1000, 0.7977, 0.1987),
        ("exact", 1.0, 100, 0.8000, 0.1734),
        ("exact", 1.0, 1000, 0.8000, 0.1966),
        ("paper", 1.0, 100, 0.9999, 0.0330),
        ("paper", 1.0, 1000, 1.0000, 0.0093),
        ("code", 1.0, 100, 0.9994, 0.0337),
        ("code", 1.0, 1000, 1.0000, 0.0093),
    ],
)
def test_moments_for_a_scalar(bench, weight, eta, steps, mean, variance):
    """Prior N(0, 1), y = 1 with σ_y = 0.5: the truth is (0.8, 0.2), and only ``exact`` goes there."""
    prior, y = bench.Gaussian((1, 1, 1), torch.eye(1)), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    sampler = PGDM(steps=steps, eta=eta, weight=weight, init="noise")
    outcome = lambda n: bench.restore(sampler, prior, Denoising((1, 1, 1)), y, 0.5, noise=n).x.flatten(1)  # noqa: E731
    found, covariance = bench.exact_moments(outcome)
    assert found.item() == pytest.approx(mean, abs=6e-5)
    assert covariance.item() == pytest.approx(variance, abs=6e-5)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("sigma_y", [0.0, 0.3])
def test_the_guidance_is_the_analytic_one(bench, prior, name, sigma_y):
    """g = r² Jᵀ Aᵀ (r² A Aᵀ + σ_y² I)⁻¹ (y - A x0) by dense linear algebra; the noiseless one by A⁺."""
    operator, t = bench.operators(SHAPE)[name], 500
    x_t, a = torch.randn(2, *SHAPE, dtype=torch.float64), bench.schedule.alpha_bar(500)
    y = operator(torch.randn(2, *SHAPE, dtype=torch.float64))
    problem = bench.problem(prior, operator, y, sigma_y)
    _, x0, found = PGDM()._predict(problem, x_t, bench.schedule.level(t))
    matrix = operator(torch.eye(48, dtype=torch.float64).view(48, *SHAPE)).flatten(1).T
    gram = (1 - a) * matrix @ matrix.T + sigma_y**2 * torch.eye(len(matrix))
    weighted = torch.linalg.pinv(gram, hermitian=True) @ (y - operator(x0)).flatten(1).T
    expected = (1 - a) * (prior.jacobian(t).T @ matrix.T @ weighted).T.view(x_t.shape)
    assert torch.allclose(found, expected, atol=1e-8)
    if sigma_y == 0:
        by_pinv = operator.pinv(y - operator(x0)).flatten(1) @ prior.jacobian(t)
        assert torch.allclose(found.flatten(1), by_pinv, atol=1e-10)


@pytest.mark.parametrize("weight", ["paper", "code", "exact"])
def test_weights(weight):
    a_t, a_s, kept = 0.3, 0.5, 0.2
    expected = {
        "paper": math.sqrt(a_t),
        "code": math.sqrt(a_t) * math.sqrt(a_s),
        "exact": (math.sqrt(a_s) * (1 - a_t) / math.sqrt(a_t) - kept * math.sqrt(1 - a_t)) / (1 - a_t),
    }
    assert PGDM(weight=weight)._weight(Level(500.0, a_t, 0.5), Level(400.0, a_s, 0.4), kept) == pytest.approx(
        expected[weight], rel=1e-12
    )


def test_exact_weights_lead_to_the_posterior_of_a_partial_measurement(bench):
    """Prior N(0, I), super-resolution: mean and variances of 1000 deterministic steps in every direction."""
    prior, operator = bench.Gaussian(SHAPE, torch.eye(48)), bench.operators(SHAPE)["sr"]
    y = operator(torch.full((1, *SHAPE), 0.5, dtype=torch.float64))
    sampler = PGDM(steps=500, eta=0.0, weight="exact", init="noise")
    outcome = lambda n: operator.svd.Vt(bench.restore(sampler, prior, operator, y, 0.2, noise=n).x).flatten(1)  # noqa: E731
    mean, covariance = bench.exact_moments(outcome)
    s = operator.svd.singulars.expand(SHAPE).flatten().double()
    gain = s / (s**2 + 0.2**2)
    assert torch.allclose(mean, gain * operator.svd.Ut(y).flatten(), atol=5e-3)
    assert torch.allclose(covariance.diagonal(), 1 - gain * s, atol=0.02)


@pytest.mark.parametrize("init", ["measurement", "noise"])
def test_the_first_state(bench, init):
    operator, prior = bench.operators(SHAPE)["sr"], bench.Oracle(torch.zeros(SHAPE, dtype=torch.float64))
    prior.predict = lambda x_t, level: prior.seen.append(x_t.detach()) or Prediction(0 * x_t)
    y, noise = torch.ones(1, 3, 1, 1, dtype=torch.float64), bench.rows(bench.Draws, 2)
    bench.restore(PGDM(steps=2, init=init), prior, operator, y, noise=noise)
    a, z = bench.schedule.alpha_bar(999), noise.normal("init", 0, SHAPE)
    around = math.sqrt(a) * operator.pinv(y) + math.sqrt(1 - a) * z
    assert torch.allclose(prior.seen[0], around if init == "measurement" else z)


def test_monte_carlo_agrees_with_the_exact_moments(bench, prior):
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.full((1, *SHAPE), 0.3, dtype=torch.float64))
    outcome = lambda n: bench.restore(PGDM(steps=25), prior, operator, y, 0.1, noise=n).x.flatten(1)  # noqa: E731
    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome), count=5000)


@pytest.mark.parametrize("steps", [20, 100])
def test_one_forward_and_one_backward_a_step(bench, prior, steps):
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.zeros(1, *SHAPE, dtype=torch.float64))
    samples = bench.restore(PGDM(steps=steps), prior, operator, y, noise=bench.rows(bench.Draws, 2))
    assert (samples.cost.forwards, samples.cost.backwards) == (steps, steps)
    assert samples.x.isfinite().all() and not samples.x.requires_grad
