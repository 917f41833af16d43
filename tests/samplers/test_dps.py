"""DPS: its gradient against the analytic Jacobian, no correction at scale 0, what the scale does."""

import math

import pytest
import torch

from posterity.operators.masks import Inpainting
from posterity.samplers.dps import DPS
from posterity.wrappers.diversity import Diversity


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SHAPE = (3, 4, 4)


@pytest.fixture
def prior(bench):
    factor = torch.randn(48, 48, generator=torch.Generator().manual_seed(0)).double() / 8
    return bench.Gaussian(SHAPE, factor @ factor.T + 0.01 * torch.eye(48), mean=0.1)


class Recorder:
    """The same prior, remembering what it was asked."""

    def __init__(self, prior):
        self.prior, self.seen = prior, []

    def __getattr__(self, name):
        return getattr(self.prior, name)

    def predict(self, x_t, level):
        self.seen.append(x_t.detach().clone())
        return self.prior.predict(x_t, level)


def first_correction(bench, prior, operator, y, x_t, *, guidance=None, **settings):
    """-gradient of the first step at time 500: the next state with scale 1 less the one with scale 0."""
    after = []
    for scale in (1.0, 0.0):
        recorder = Recorder(prior)
        sampler = DPS(steps=1000, clamp=False, scale=scale, **settings)
        noise = bench.rows(bench.Draws, len(x_t))
        options = {"noise": noise, "items": [0] * len(x_t), "guidance": guidance, "start": (500, x_t)}
        bench.restore(sampler, recorder, operator, y, 0.1, **options)
        after.append(recorder.seen[1])
    return after[1] - after[0]


@pytest.mark.parametrize("name", ["inpaint", "sr", "colorize"])
def test_gradient_is_the_analytic_one(bench, prior, name):
    """g = -Jᵀ Aᵀ r/‖r‖, each row with its own norm, whatever stands in the masked entries of y."""
    operator = bench.operators(SHAPE)[name]
    x_t = torch.randn(2, *SHAPE, dtype=torch.float64)
    y = torch.randn_like(operator(x_t))
    found = first_correction(bench, prior, operator, y, x_t)
    residual = operator.where_measured(y) * (y - operator(denoised(prior, x_t, 500)))
    unit = residual / residual.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    expected = -(operator.adjoint(unit).flatten(1) @ prior.jacobian(500)).view(x_t.shape)
    assert torch.allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("detach", [False, True])
def test_guidance_couples_the_gradient_unless_detached(bench, prior, detach):
    """Two samples: the push c (x0 - x0') makes ∂/∂x of ‖r‖ + ‖r'‖ -Jᵀ Aᵀ[(1 + c) u - c u'], u = r/‖r‖."""
    operator = bench.operators(SHAPE)["sr"]
    x_t = torch.randn(2, *SHAPE, dtype=torch.float64)
    y = torch.randn_like(operator(x_t))
    guidance = Diversity(eta=0.6)
    found = first_correction(bench, prior, operator, y, x_t, guidance=guidance, detach_guidance=detach)
    c, x0 = 0.6 * 500 / 1000, denoised(prior, x_t, 500)
    residual = y - operator(x0 + c * (x0 - x0.flip(0)))
    unit = residual / residual.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    pull = unit if detach else (1 + c) * unit - c * unit.flip(0)
    expected = -(operator.adjoint(pull).flatten(1) @ prior.jacobian(500)).view(x_t.shape)
    assert torch.allclose(found, expected, atol=1e-10)


def test_scale_zero_samples_the_prior(bench):
    """The moments of 1000 ancestral steps, exactly propagated, are the prior's up to the steps' size."""
    covariance = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)
    prior, keep = bench.Gaussian((1, 1, 2), covariance, mean=0.25), torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    sampler = DPS(scale=0.0, clamp=False)
    operator = Inpainting(keep, (1, 1, 2))
    outcome = lambda noise: bench.restore(sampler, prior, operator, keep, noise=noise).x.flatten(1)  # noqa: E731
    mean, found = bench.exact_moments(outcome)
    assert torch.allclose(mean, torch.full((2,), 0.25, dtype=torch.float64), atol=5e-3)
    assert torch.allclose(found, covariance, rtol=0.02)


@pytest.mark.parametrize("sigma_y", [0.0, 0.1])
def test_a_larger_scale_fits_the_measurement_better(bench, prior, sigma_y):
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.full((1, *SHAPE), 0.6, dtype=torch.float64))
    noise = bench.rows(bench.Draws, 200)
    residuals = []
    for scale in (0.0, 0.1, 0.3, 1.0):
        x = bench.restore(DPS(steps=250, scale=scale), prior, operator, y, sigma_y, noise=noise).x
        residuals.append((operator(x) - y).flatten(1).norm(dim=1).mean().item())
    assert residuals == sorted(residuals, reverse=True) and residuals[-1] < 0.5 * residuals[0]


def test_no_residual_is_no_gradient(bench, prior):
    """A mask that keeps nothing leaves ‖r‖ = 0 everywhere: the step is the prior's, and not NaN."""
    operator = bench.Hidden(SHAPE)
    y, noise = torch.zeros(1, *SHAPE, dtype=torch.float64), bench.rows(bench.Draws, 2)
    x = bench.restore(DPS(steps=20, scale=5.0), prior, operator, y, noise=noise).x
    assert x.isfinite().all()
    assert torch.equal(x, bench.restore(DPS(steps=20, scale=0.0), prior, operator, y, noise=noise).x)


@pytest.mark.parametrize("steps", [50, 1000])
def test_one_forward_and_one_backward_a_step(bench, prior, steps):
    operator = bench.operators(SHAPE)["sr"]
    y = operator(torch.zeros(1, *SHAPE, dtype=torch.float64))
    noise, items, guidance = bench.rows(bench.Draws, 2), [0, 0], Diversity(eta=0.5)
    samples = bench.restore(DPS(steps=steps), prior, operator, y, noise=noise, items=items, guidance=guidance)
    assert (samples.cost.forwards, samples.cost.backwards) == (steps, steps)
    assert not samples.x.requires_grad


def test_the_last_step_is_corrected_too(bench, prior):
    """From time 0 there is one step, without noise: x = x0 - ζ g."""
    operator = bench.operators(SHAPE)["sr"]
    x_t = torch.randn(1, *SHAPE, dtype=torch.float64) / 4
    y = torch.randn_like(operator(x_t))
    sampler = DPS(scale=0.5, clamp=False)
    x = bench.restore(sampler, prior, operator, y, noise=bench.rows(bench.Draws, 1), start=(0, x_t)).x
    x0 = denoised(prior, x_t, 0)
    unit = (y - operator(x0)) / (y - operator(x0)).norm()
    expected = x0 + 0.5 * (operator.adjoint(unit).flatten(1) @ prior.jacobian(0)).view(x_t.shape)
    assert torch.allclose(x, expected, atol=1e-10)
    assert math.isfinite(x.sum())
