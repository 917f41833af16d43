"""MGPS: its fits against closed forms, its moments against the recursion, the midpoint's optimum, its tables."""

import math
from functools import partial

import pytest
import torch

from posterity.certificates import toys
from posterity.certificates.probing import Moments
from posterity.certificates.recursion import Recursion, posterior, proportional, wasserstein
from posterity.diffusion.steps import predicted_noise, predicted_x0
from posterity.operators.masks import Inpainting
from posterity.priors.gaussian import Gaussian
from posterity.samplers.mgps import MGPS, _Normal


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


QUAD = (1, 1, 4)
VARIANCE = torch.tensor([1.5, 0.8, 0.3, 1.0], dtype=torch.float64)
KEEP = torch.tensor([[[[1.0, 0.0, 1.0, 1.0]]]], dtype=torch.float64)
Y = torch.tensor([[[[0.8, 0.0, -0.5, 1.2]]]], dtype=torch.float64)
SIGMA = 0.3
eager = partial(MGPS, steps=30, warm_level=2000, last=0, first=0, every=1)  # a constant number of fits, no warm phase


def diagonal():
    """(prior, operator) for a problem in which every surrogate is a diagonal Gaussian."""
    return Gaussian(torch.zeros(QUAD), torch.diag(VARIANCE)), Inpainting(KEEP, QUAD)


def expected(sampler, prior):
    """Moments of that problem if every fit were exact."""
    seen = KEEP.flatten() > 0
    problem = Recursion(prior, torch.diag(KEEP.flatten())[seen], Y.flatten()[seen], SIGMA, sampler.steps)
    return problem.moments(sampler.midpoint)


def test_moments_agree_with_the_recursion_where_surrogates_are_diagonal(bench):
    """The unobserved scalar is there to see that without a measurement the steps are ancestral ones."""
    (prior, operator), sampler = diagonal(), eager(every_fits=60, rate=0.05)
    x = bench.restore(sampler, prior, operator, Y, SIGMA, noise=bench.rows(bench.Draws, 2500)).x.flatten(1)
    found = expected(sampler, prior)
    mean, covariance = found.mean, found.covariance
    spread = covariance.diagonal()
    assert ((x.mean(0) - mean).abs() < 4.5 * (spread / 2500).sqrt() + 0.01).all()
    assert torch.allclose(x.var(0), spread, rtol=0.13)


def test_samples_are_nearest_to_the_posterior_with_a_midpoint_inside(bench):
    """As the recursion has it, a little further away: the surrogates are not diagonal here."""
    toy = toys.gaussian(8, 1, measured=3, sigma_y=0.3)
    exact = posterior(toy.prior, toy.matrix, toy.y[0], toy.sigma_y)
    problem = Recursion(toy.prior, toy.matrix, toy.y[0], toy.sigma_y, steps=30)
    distances, noise = [], bench.rows(bench.Draws, 400)
    for eta in (0.1, 0.6, 1.0):
        sampler = eager(every_fits=30, rate=0.08, eta=eta, late_eta=eta)
        x = bench.restore(sampler, toy.prior, toy.operator, toy.y, toy.sigma_y, noise=noise).x.flatten(1)
        distances.append(wasserstein(Moments(x.mean(0), torch.cov(x.T)), exact))
        assert distances[-1] > 0.85 * wasserstein(problem.moments(sampler.midpoint), exact)
    assert distances[1] < 0.65 * min(distances[0], distances[2])


@pytest.mark.parametrize("parametrisation", ["logstd", "logvar"])
def test_a_long_fit_finds_the_best_diagonal_gaussian(bench, parametrisation):
    """Mean of the surrogate, variances 1/(diagonal of its precision), also with correlations."""
    toy = toys.gaussian(8, 1, measured=3)
    matrix, y, sigma_y, mid = toy.matrix, toy.y[0], 2.0, toy.prior.schedule.level(399)
    problem = bench.problem(toy.prior, toy.operator, toy.y.expand(200, -1), sigma_y)
    sampler, centre = MGPS(rate=0.005, parametrisation=parametrisation), torch.full((200, 1, 1, 8), 0.2).double()
    begin = _Normal(centre, torch.full_like(centre, math.log(0.5)))
    slope, noise = sampler._slope(problem, mid), bench.rows(bench.Draws, 200).shaped((1, 1, 8))
    fit = sampler._fit(noise, "fit", 800, begin, (centre, 0.25), slope)
    shift = toy.prior.predict(torch.zeros(1, 1, 1, 8), mid).x0.flatten()
    seen, missing = matrix @ toy.prior.gain(mid), y - matrix @ shift
    precision = torch.eye(8) / 0.25 + seen.T @ seen / sigma_y**2
    mean = torch.linalg.solve(precision, centre[0].flatten() / 0.25 + seen.T @ missing / sigma_y**2)
    assert torch.allclose(fit.mean.mean(0).flatten(), mean, atol=0.02)
    assert torch.allclose((-2 * fit.log_std).exp().mean(0).flatten(), precision.diagonal(), rtol=0.05)


def test_a_long_warm_fit_finds_the_law_at_level_one(bench):
    """π_1|ℓ ∝ N(y; A x) p_1(x) q(x_ℓ | x), diagonal here."""
    prior, operator = diagonal()
    problem, sampler = bench.problem(prior, operator, Y.expand(200, *QUAD), SIGMA), MGPS(rate=0.005)
    a, a_mid = (prior.schedule.alpha_bar(level - 1) for level in (1, 350))
    x_mid, ratio = torch.full((200, *QUAD), 0.4).double(), a_mid / a
    begin = _Normal(x_mid, torch.full_like(x_mid, math.log(0.5)))
    anchor = (x_mid / math.sqrt(ratio), (1 - ratio) / ratio)
    fit = sampler._fit(
        bench.rows(bench.Draws, 200).shaped(QUAD), "fit", 1000, begin, anchor, sampler._warm_slope(problem)
    )
    marginal = a * VARIANCE + 1 - a
    precision = KEEP.flatten() / SIGMA**2 + 1 / marginal + ratio / (1 - ratio)
    mean = (Y.flatten() / SIGMA**2 + math.sqrt(ratio) * 0.4 / (1 - ratio)) / precision
    assert torch.allclose(fit.mean.mean(0).flatten(), mean, atol=0.01)
    # The score is taken at a draw and held: its gradient in the spread is that of -E log p_1.
    assert torch.allclose((-2 * fit.log_std).exp().mean(0).flatten(), precision, rtol=0.05)


def test_slopes_are_the_analytic_ones(bench):
    """-Jᵀ Aᵀ(y - A D)/σ², and at level 1 without J but with the score, masked entries of y left out."""
    prior, operator = diagonal()
    problem = bench.problem(prior, operator, Y + 7 * (1 - KEEP), SIGMA)
    x, a = torch.randn(1, *QUAD, dtype=torch.float64), prior.schedule.alpha_bar(0)
    level = prior.schedule.level(399)
    residual = KEEP * (Y - prior.predict(x, level).x0) / SIGMA**2
    assert torch.allclose(MGPS()._slope(problem, level)(x).flatten(), -prior.gain(level) @ residual.flatten())
    expected = -KEEP * (Y - x) / SIGMA**2 + x / (a * VARIANCE + 1 - a)
    assert torch.allclose(MGPS()._warm_slope(problem)(x), expected)


def test_one_step_of_a_fit_follows_the_gradient_of_its_loss(bench, monkeypatch):
    """Mean and log-std slopes by autograd through one draw of energy + KL, constants dropped."""
    steps = []
    monkeypatch.setattr("posterity.samplers.mgps.Adam.step", lambda self, g: steps.append(g) or 0 * g)
    rng = torch.Generator().manual_seed(0)
    mean, log_std, centre = (torch.randn(3, *QUAD, generator=rng, dtype=torch.float64) for _ in range(3))
    noise, energy = bench.rows(bench.Draws, 3).shaped(QUAD), lambda x: (x**3 / 3).sum()
    MGPS()._fit(noise, "fit", 1, _Normal(mean, log_std), (centre, 0.7), lambda x: x**2)
    mean.requires_grad_()
    log_std.requires_grad_()
    z = noise.normal("fit", 0, QUAD)
    kl = -log_std.sum() + ((mean - centre).square().sum() + (2 * log_std).exp().sum()) / (2 * 0.7)
    expected = torch.autograd.grad(energy(mean + log_std.exp() * z) + kl, (mean, log_std))
    assert torch.allclose(steps[0], expected[0]) and torch.allclose(steps[1], expected[1])


def test_log_variances_move_half_as_fast(bench):
    begin, noise = (
        _Normal(torch.zeros(1, *QUAD).double(), torch.zeros(1, *QUAD).double()),
        bench.rows(bench.Draws, 1).shaped(QUAD),
    )
    for parametrisation, distance in (("logstd", 0.03), ("logvar", 0.015)):
        sampler = MGPS(parametrisation=parametrisation)
        fit = sampler._fit(noise, "fit", 1, begin, (begin.mean, 0.1), lambda x: 0 * x)
        assert torch.allclose(fit.log_std, torch.full_like(fit.log_std, -distance), atol=1e-8)


def test_midpoints_and_gradient_steps():
    rule = proportional(0.35)
    assert all(MGPS(eta=0.35, late_eta=0.35).midpoint(k) == rule(k) for k in range(1, 1000))
    assert [MGPS().midpoint(k) for k in (999, 501, 10, 1)] == [499, 250, 5, 1]
    late = MGPS(late_eta=1.0)
    assert [late.midpoint(k) for k in (501, 500, 3)] == [250, 500, 3]
    ffhq = MGPS(steps=50)
    assert [ffhq.gradient_steps(i) for i in (49, 45, 44, 40, 30, 21, 20, 2)] == [20, 20, 2, 20, 20, 2, 2, 2]


TABLE = {
    "ffhq": ({}, {50: (458, 222), 100: (814, 412), 300: (2202, 1172)}),
    "ffhq latent": ({"last": 10, "every_fits": 10, "fits": 5}, {50: (556, 303), 300: (2846, 1678)}),
    "imagenet": ({"last": 10, "every": 20, "every_fits": 10}, {50: (428, 202), 100: (674, 318), 300: (1698, 798)}),
    "fallback": ({"last": 0, "first": 10, "first_fits": 10, "every": 1000}, {50: (384, 176), 300: (1534, 676)}),
    "mixture": ({"warm_level": 2000, "first": 10}, {50: (392, 294), 300: (1842, 1244)}),
}


@pytest.mark.parametrize(
    ("settings", "steps", "count"),
    [(settings, steps, count) for settings, counts in TABLE.values() for steps, count in counts.items()],
)
def test_evaluations_of_the_published_settings(bench, settings, steps, count):
    """One forward fewer than the source, which evaluates its first state twice."""
    if settings.get("every") == 1000:
        settings = {**settings, "every_fits": 2}
    prior, operator = diagonal()
    noise = bench.rows(bench.Draws, 1)
    cost = bench.restore(MGPS(steps=steps, **settings), prior, operator, Y, SIGMA, noise=noise).cost
    assert (cost.forwards, cost.backwards) == (count[0] - 1, count[1])


def test_a_warm_phase_is_forgotten_by_a_problem_that_does_not_need_one(bench):
    """The steps after it lead to the moments of the recursion without one."""
    (prior, operator), sampler = diagonal(), eager(warm_level=700, every_fits=60, rate=0.05)
    x = bench.restore(sampler, prior, operator, Y, SIGMA, noise=bench.rows(bench.Draws, 1000)).x.flatten(1)
    found = expected(sampler, prior)
    mean, covariance = found.mean, found.covariance
    assert torch.allclose(x.mean(0), mean, atol=0.1)
    assert torch.allclose(x.var(0), covariance.diagonal(), rtol=0.2)


def test_the_network_may_be_shown_the_level_as_in_the_source(bench):
    """Level u is then shown as time u, its prediction read at ᾱ of level u = time u - 1."""
    prior, x = bench.Network(QUAD), torch.randn(1, *QUAD, dtype=torch.float64)
    problem, level = bench.problem(prior, Inpainting(KEEP, QUAD), Y, SIGMA), bench.schedule.level(399)
    assert torch.equal(MGPS()._denoise(problem, x, bench.schedule.level(399)), denoised(prior, x, 399))
    shifted = MGPS(time_shift="mgps")._denoise(problem, x, level)
    shown = bench.schedule.level(400)
    eps = predicted_noise(x, prior.predict(x, shown).x0, shown)
    assert torch.allclose(shifted, predicted_x0(x, eps, level))
    prior.times.clear()
    MGPS(time_shift="mgps")._denoise(problem, x, bench.schedule.level(999))
    assert prior.times == [999]
