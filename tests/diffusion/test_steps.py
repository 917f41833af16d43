"""Reverse steps: Bayes' rule for the posterior step, variance kept by DDIM's split, inverse parametrisations."""

import math

import pytest
import torch

from posterity.diffusion.levels import CLEAN
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import (
    PosteriorStep,
    ddim_noise_split,
    forward_step,
    predicted_noise,
    predicted_x0,
    renoise,
)

SCHEDULE = Schedule.linear()


@pytest.mark.parametrize(("t", "s"), [(999, 998), (500, 100), (1, 0), (4, 0)])
def test_posterior_step_is_bayes_rule(t, s):
    """q(x_s | x_t, x0) ∝ N(x_s; √ᾱ_s x0, 1-ᾱ_s) N(x_t; √α x_s, 1-α) with α = ᾱ_t/ᾱ_s."""
    (a_t, a_s), levels = (SCHEDULE.alpha_bar(t), SCHEDULE.alpha_bar(s)), (SCHEDULE.level(t), SCHEDULE.level(s))
    alpha = a_t / a_s
    precision = 1 / (1 - a_s) + alpha / (1 - alpha)
    step = PosteriorStep.between(*levels)
    assert step.variance == pytest.approx(1 / precision, rel=1e-9)
    assert step.x0_weight == pytest.approx(math.sqrt(a_s) / (1 - a_s) / precision, rel=1e-9)
    assert step.xt_weight == pytest.approx(math.sqrt(alpha) / (1 - alpha) / precision, rel=1e-9)
    assert step.beta == pytest.approx(1 - alpha)


def test_neighbouring_times_have_the_schedule_s_own_increment():
    step = PosteriorStep.between(SCHEDULE.level(300), SCHEDULE.level(299))
    assert step.beta == pytest.approx(SCHEDULE.betas[300])


def test_the_last_step_returns_the_prediction():
    step = PosteriorStep.between(SCHEDULE.level(0), SCHEDULE.level(-1))
    assert (step.x0_weight, step.xt_weight, step.variance) == pytest.approx((1.0, 0.0, 0.0))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_keeps_the_variance(eta):
    t, s = SCHEDULE.level(600), SCHEDULE.level(550)
    fresh, kept = ddim_noise_split(t, s, eta)
    assert fresh**2 + kept**2 == pytest.approx(1 - s.alpha_bar)
    assert fresh == pytest.approx(eta * PosteriorStep.between(t, s).std())


def test_ddim_of_full_noise_is_the_ancestral_step():
    """η = 1: √ᾱ_s x0 + c2 eps is the posterior mean in other words."""
    t, s = SCHEDULE.level(600), SCHEDULE.level(550)
    x_t, x0 = torch.randn(2, 5, dtype=torch.float64)
    step, (_, kept) = PosteriorStep.between(t, s), ddim_noise_split(t, s, 1.0)
    mean = s.signal * x0 + kept * predicted_noise(x_t, x0, t)
    assert torch.allclose(mean, step.x0_weight * x0 + step.xt_weight * x_t, atol=1e-12)
    assert torch.allclose(mean, step.mean(x0, x_t), atol=1e-12)


def test_predictions_are_inverses():
    x_t, x0 = torch.randn(2, 5, dtype=torch.float64)
    t = SCHEDULE.level(700)
    before = x_t.clone(), x0.clone()
    eps = predicted_noise(x_t, x0, t)
    assert torch.allclose(predicted_x0(x_t, eps, t), x0, atol=1e-10)
    assert torch.allclose(t.signal * x0 + t.noise * eps, x_t, atol=1e-12)
    assert torch.equal(x_t, before[0]) and torch.equal(x0, before[1])


def test_a_learned_variance_is_log_linear_between_the_two_fixed_ones():
    step, shares = (
        PosteriorStep.between(SCHEDULE.level(600), SCHEDULE.level(550)),
        torch.tensor([0.0, 0.5, 1.0]).double(),
    )
    expected = [math.sqrt(step.variance), (step.variance * step.beta) ** 0.25, math.sqrt(step.beta)]
    assert step.std(shares).tolist() == pytest.approx(expected)
    assert PosteriorStep.between(SCHEDULE.level(0), CLEAN).std(shares) == 0.0


def test_renoising_changes_none_of_its_terms():
    s, terms = SCHEDULE.level(300), torch.randn(3, 5, dtype=torch.float64)
    before = terms.clone()
    x0, z, eps = terms
    torch.testing.assert_close(renoise(s, x0, (0.3, z), (-0.5, eps)), s.signal * x0 + 0.3 * z - 0.5 * eps)
    assert torch.equal(terms, before)


def test_a_forward_step_adds_the_noise_that_is_missing():
    t, s = SCHEDULE.level(300), SCHEDULE.level(420)
    x_t, z = torch.randn(2, 5, dtype=torch.float64)
    gain = s.signal / t.signal
    assert torch.allclose(forward_step(x_t, z, t, s), gain * x_t + math.sqrt(1 - gain**2) * z)
