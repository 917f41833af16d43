"""Reverse steps: Bayes' rule for the posterior step, variance kept by DDIM's split, inverse parametrisations."""

import math

import pytest
import torch

from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep, cut, ddim_noise_split, predicted_noise, predicted_x0, weighted

SCHEDULE = Schedule.linear()


@pytest.mark.parametrize(("t", "s"), [(999, 998), (500, 100), (1, 0), (4, 0)])
def test_posterior_step_is_bayes_rule(t, s):
    """q(x_s | x_t, x0) ∝ N(x_s; √ᾱ_s x0, 1-ᾱ_s) N(x_t; √α x_s, 1-α) with α = ᾱ_t/ᾱ_s."""
    a_t, a_s = SCHEDULE.alpha_bar(t), SCHEDULE.alpha_bar(s)
    alpha = a_t / a_s
    precision = 1 / (1 - a_s) + alpha / (1 - alpha)
    step = PosteriorStep.between(a_t, a_s)
    assert step.variance == pytest.approx(1 / precision, rel=1e-9)
    assert step.x0_weight == pytest.approx(math.sqrt(a_s) / (1 - a_s) / precision, rel=1e-9)
    assert step.xt_weight == pytest.approx(math.sqrt(alpha) / (1 - alpha) / precision, rel=1e-9)
    assert step.beta == pytest.approx(1 - alpha)


def test_neighbouring_times_have_the_schedule_s_own_increment():
    step = PosteriorStep.between(SCHEDULE.alpha_bar(300), SCHEDULE.alpha_bar(299))
    assert step.beta == pytest.approx(SCHEDULE.betas[300])


def test_the_last_step_returns_the_prediction():
    step = PosteriorStep.between(SCHEDULE.alpha_bar(0), SCHEDULE.alpha_bar(-1))
    assert (step.x0_weight, step.xt_weight, step.variance) == pytest.approx((1.0, 0.0, 0.0))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_keeps_the_variance(eta):
    a_t, a_s = SCHEDULE.alpha_bar(600), SCHEDULE.alpha_bar(550)
    fresh, kept = ddim_noise_split(a_t, a_s, eta)
    assert fresh**2 + kept**2 == pytest.approx(1 - a_s)
    assert fresh == pytest.approx(eta * math.sqrt(PosteriorStep.between(a_t, a_s).variance))


def test_ddim_of_full_noise_is_the_ancestral_step():
    """η = 1: √ᾱ_s x0 + c2 eps is the posterior mean in other words."""
    a_t, a_s = SCHEDULE.alpha_bar(600), SCHEDULE.alpha_bar(550)
    x_t, x0 = torch.randn(2, 5, dtype=torch.float64)
    step, (_, kept) = PosteriorStep.between(a_t, a_s), ddim_noise_split(a_t, a_s, 1.0)
    mean = math.sqrt(a_s) * x0 + kept * predicted_noise(x_t, x0, a_t)
    assert torch.allclose(mean, step.x0_weight * x0 + step.xt_weight * x_t, atol=1e-12)


def test_predictions_are_inverses():
    x_t, x0 = torch.randn(2, 5, dtype=torch.float64)
    a_t = SCHEDULE.alpha_bar(700)
    assert torch.allclose(predicted_x0(x_t, predicted_noise(x_t, x0, a_t), a_t), x0, atol=1e-10)
    eps = predicted_noise(x_t, x0, a_t)
    assert torch.allclose(math.sqrt(a_t) * x0 + math.sqrt(1 - a_t) * eps, x_t, atol=1e-12)


def test_a_weighted_sum_changes_none_of_its_terms():
    x, y, z = torch.randn(3, 4, dtype=torch.float64)
    before = torch.stack([x, y, z])
    torch.testing.assert_close(weighted((2.0, x), (-0.5, y), (3.0, z)), 2 * x - 0.5 * y + 3 * z)
    assert torch.equal(torch.stack([x, y, z]), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_cut_and_its_gradient_are_those_of_clamp_also_next_to_its_bounds(dtype):
    one = torch.ones((), dtype=dtype)
    near = torch.stack([torch.nextafter(one, one * 0), one, torch.nextafter(one, one * 2)])
    x = torch.cat([near, -near, torch.tensor([0.0, 0.3, 7.0, -7.0], dtype=dtype)]).requires_grad_()
    weight = torch.linspace(1, 2, len(x), dtype=dtype)
    ours, theirs = (torch.autograd.grad((weight * f(x)).sum(), x)[0] for f in (cut, lambda v: v.clamp(-1, 1)))
    assert torch.equal(cut(x), x.clamp(-1, 1)) and torch.equal(ours, theirs)
    assert 0 < ours.count_nonzero() < len(x)
