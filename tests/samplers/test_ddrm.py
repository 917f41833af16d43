"""DDRM: marginals are kept exactly, the published recursion, guidance where nothing is measured."""

import math

import pytest
import torch

from posterity.operators.pointwise import Denoising
from posterity.samplers.ddrm import DDRM
from posterity.wrappers.diversity import Diversity

SHAPE = (3, 4, 4)


def states(bench, name, sigma_y, sampler, noise, from_start):
    """(times, every x_t that the oracle was shown, (rows, times, d)), with the noise of y among the draws."""
    truth = torch.linspace(-1, 1, 48, dtype=torch.float64).view(SHAPE)
    operator, prior = bench.operators(SHAPE)[name], bench.Oracle(truth)
    clean = operator(truth.expand(len(noise), *SHAPE))
    y = clean + sigma_y * noise.normal("measurement", 0, clean.shape[1:])
    a = bench.schedule.alpha_bar(950)
    start = (950, math.sqrt(a) * truth + math.sqrt(1 - a) * noise.normal("start", 0, SHAPE)) if from_start else None
    bench.restore(sampler, prior, operator, y, sigma_y, noise=noise, start=start)
    times, seen = zip(*prior.seen, strict=True)
    return truth, times, torch.stack([x.flatten(1) for x in seen], dim=1)


@pytest.mark.parametrize("name", ["inpaint", "sr", "colorize", "denoise"])
@pytest.mark.parametrize("sigma_y", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("eta", "eta_b"), [(0.85, 1.0), (0.3, 1.0), (1.0, 0.4)])
def test_an_oracle_keeps_the_marginals(bench, name, sigma_y, eta, eta_b):
    """Mean √ᾱ_t x and covariance (1-ᾱ_t) I at every time, over the noise of y too: the method's defining property."""
    sampler = DDRM(steps=20, eta=eta, eta_b=eta_b)
    truth, times, _ = states(bench, name, sigma_y, sampler, bench.rows(bench.Draws, 1), from_start=True)
    outcome = lambda noise: states(bench, name, sigma_y, sampler, noise, from_start=True)[2].flatten(1)  # noqa: E731
    mean, covariance = bench.exact_moments(outcome)
    assert times == tuple(range(950, -1, -50))
    for k, t in enumerate(times):
        block = slice(48 * k, 48 * (k + 1))
        a = bench.schedule.alpha_bar(t)
        assert torch.allclose(mean[block], math.sqrt(a) * truth.flatten(), atol=1e-9)
        assert torch.allclose(covariance[block, block], (1 - a) * torch.eye(48, dtype=torch.float64), atol=1e-9)


def test_the_start_is_around_the_measurement(bench):
    """Measured directions start at their marginal, the others at pure noise."""
    outcome = lambda noise: states(bench, "sr", 0.1, DDRM(), noise, from_start=False)[2][:, 0]  # noqa: E731
    mean, covariance = bench.exact_moments(outcome)
    svd, a = bench.operators(SHAPE)["sr"].svd, bench.schedule.alpha_bar(950)
    truth = svd.Vt(torch.linspace(-1, 1, 48, dtype=torch.float64).view(1, *SHAPE))
    expected = svd.V(math.sqrt(a) * truth * (svd.singulars > 0))
    assert torch.allclose(mean, expected.flatten(), atol=1e-10)
    assert torch.allclose(covariance, (1 - a) * torch.eye(48, dtype=torch.float64), atol=1e-10)


@pytest.mark.parametrize(
    ("steps", "sigma_y", "mean", "variance"),
    [(20, 0.1, 0.9714, 0.01778), (20, 0.5, 0.7924, 0.0649), (100, 0.1, 0.9883, 0.00417), (100, 0.5, 0.8467, 0.0459)],
)
def test_scalar_recursion(bench, steps, sigma_y, mean, variance):
    """Prior N(0, 1), y = 1: narrower than the posterior (0.9901, 0.0099) or (0.8, 0.2), and by how much."""
    prior, y = bench.Gaussian((1, 1, 1), torch.eye(1)), torch.ones(1, 1, 1, 1, dtype=torch.float64)

    def outcome(noise):
        sampler = DDRM(steps=steps)
        return bench.restore(sampler, prior, Denoising((1, 1, 1)), y, sigma_y, noise=noise).x.flatten(1)

    found, covariance = bench.exact_moments(outcome)
    assert found.item() == pytest.approx(mean, abs=6e-5)
    assert covariance.item() == pytest.approx(variance, rel=2e-3)
    if steps == 20:
        bench.assert_monte_carlo(outcome, found, covariance)


@pytest.mark.parametrize("sigma_y", [0.0, 0.1])
def test_monte_carlo_agrees_with_the_exact_moments(bench, sigma_y):
    factor = torch.randn(48, 48, generator=torch.Generator().manual_seed(0)) / 8
    prior = bench.Gaussian(SHAPE, factor @ factor.T + 0.01 * torch.eye(48), mean=0.1)
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.full((1, *SHAPE), 0.3, dtype=torch.float64))
    outcome = lambda noise: bench.restore(DDRM(), prior, operator, y, sigma_y, noise=noise).x.flatten(1)  # noqa: E731
    bench.assert_monte_carlo(outcome, *bench.exact_moments(outcome), count=5000)


@pytest.mark.parametrize("name", ["inpaint", "sr", "colorize", "denoise"])
@pytest.mark.parametrize("sigma_y", [0.0, 0.3])
@pytest.mark.parametrize("eta_b", [1.0, 0.4])
def test_guidance_moves_only_what_is_not_measured(bench, name, sigma_y, eta_b):
    """With a prior that is separable in every basis the measured coordinates stay as they were."""
    operator, prior = bench.operators(SHAPE)[name], bench.Gaussian(SHAPE, 0.25 * torch.eye(48))
    y = operator(torch.rand(1, *SHAPE, dtype=torch.float64))
    options = {"noise": bench.rows(bench.Draws, 3), "items": [0, 0, 0]}
    sampler = DDRM(eta_b=eta_b)
    plain = bench.restore(sampler, prior, operator, y, sigma_y, **options).x
    guided = bench.restore(sampler, prior, operator, y, sigma_y, **options, guidance=Diversity(eta=0.8)).x
    moved = operator.svd.Vt(guided - plain).abs()
    seen = (operator.svd.singulars > 0).expand_as(moved)
    assert moved[seen].max() < 1e-12
    assert seen.all() or moved[~seen].min() > 1e-6


def test_a_guided_step_uses_the_noise_of_the_guided_prediction(bench):
    """A push d at 100 → 50 moves x_50/√ᾱ_50 by (1 - √(1-η²) σ_50/σ_100) d; the later steps carry it on."""
    nothing, prior = bench.Hidden(SHAPE), bench.Gaussian(SHAPE, 0.25 * torch.eye(48))
    push, x_t = torch.randn(1, *SHAPE, dtype=torch.float64), torch.randn(2, *SHAPE, dtype=torch.float64)
    once = lambda x0, items, unknowns, fraction: x0 + push  # noqa: E731
    x = []
    for guidance in (None, once):
        options = {"noise": bench.rows(bench.Draws, 2), "start": (100, x_t), "guidance": guidance}
        x.append(bench.restore(DDRM(), prior, nothing, torch.zeros(1, *SHAPE).double(), **options).x)
    sigma, a = lambda t: bench.schedule.level(t).sigma, bench.schedule.alpha_bar
    root, gain = math.sqrt(1 - 0.85**2), lambda t: prior.jacobian(t)[0, 0].item()
    # The push at 100 → 50 is the only one: guidance rests at the last two steps.
    moved_50 = math.sqrt(a(50)) * (1 - root * sigma(50) / sigma(100))
    moved_0 = math.sqrt(a(0)) * (
        gain(50) * (1 - root * sigma(0) / sigma(50)) + root * sigma(0) / sigma(50) / math.sqrt(a(50))
    )
    assert torch.allclose(x[1] - x[0], (gain(0) * moved_0 * moved_50 * push).expand(2, *SHAPE), atol=1e-10)


def test_projection_at_the_end_is_a_choice(bench):
    operator, prior = bench.operators(SHAPE)["sr"], bench.Network(SHAPE)
    y = operator(torch.rand(1, *SHAPE, dtype=torch.float64))
    gap = {}
    for project in (False, True):
        x = bench.restore(DDRM(final_projection=project), prior, operator, y, noise=bench.rows(bench.Draws, 4)).x
        gap[project] = (operator(x) - y).abs().max().item()
    assert gap[True] < 1e-12 < 1e-3 < gap[False]
