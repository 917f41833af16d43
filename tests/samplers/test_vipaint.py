"""The fit of VIPaint: the posterior of the chain where it is in the family, the bound, the public code's defects."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch

from posterity.diffusion.bridge import Bridge
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.pointwise import Denoising
from posterity.priors.gaussian import Gaussian
from posterity.samplers.base import Problem
from posterity.samplers.vipaint.family import Family, Normal, Parameters, Step, transition
from posterity.samplers.vipaint.fitting import Beginning, Rates, fitted
from posterity.samplers.vipaint.objective import Draws, Objective, misfit
from posterity.samplers.vipaint.rungs import Exact, Published, kl, strata

SCHEDULE = Schedule.scaled_linear(0.0015, 0.0195)
ONE = (1, 1, 1)
MEAN, STD, Y, SIGMA = 0.3, 0.8, 0.7, 0.1
TRUE = 0.5 * math.log(2 * math.pi * (STD**2 + SIGMA**2)) + (Y - MEAN) ** 2 / (2 * (STD**2 + SIGMA**2))
TOP = SCHEDULE.level(550)
OPTIMUM = {  # the posterior of the discretised chain, worked out by a backward recursion
    (550, 400): (0.541757, (1.139572, 0.449020), [(0.437098, 1.327111, 0.221676)]),
    (550, 500, 450, 400): (
        0.536253,
        (1.096576, 0.494681),
        [(0.778732, 1.396765, 0.226831), (0.721249, 1.360398, 0.206615), (0.625019, 1.327111, 0.180929)],
    ),
}


def full(value, *shape):
    return torch.full(shape, value, dtype=torch.float64)


def scalar(items=1):
    """One number with a Gaussian prior, measured with noise."""
    prior = Gaussian(full(MEAN, *ONE), full(STD**2, 1, 1), SCHEDULE)
    return Problem(prior, Denoising(ONE), full(Y, items, *ONE), SIGMA, torch.arange(items))


def drawn(top, z):
    """Draws of q(z_Te), (I, B, *state)."""
    return top.mean[:, None] + top.std[:, None] * z


def gaussian_top(problem, top, z, xi, u):
    """KL(q(z_Te) ‖ p(z_Te)) in closed form."""
    marginal = Step(full(TOP.signal * MEAN, 1), math.sqrt(TOP.alpha_bar * STD**2 + TOP.noise**2))
    return kl(top, marginal).flatten(1).sum(1)


@dataclass(frozen=True)
class Design(Noise):
    """Eight draws of ±1 for each purpose, uncorrelated: means of quadratic functions of them are exact."""

    def draw(self, purpose, step, shape):
        if len(shape) != 4:
            return super().draw(purpose, step, shape)
        signs = torch.ones(1, 1, dtype=torch.float64)
        for _ in range(3):
            signs = torch.cat([torch.cat([signs, signs], 1), torch.cat([signs, -signs], 1)])
        column = 7 if purpose == "fit above" else 1 + int(purpose.removeprefix("fit level "))
        return signs[: shape[0], column].view(1, *shape)


def fit(levels, scaled=False, iterations=600, objective=None):
    """The family after a fit with one step size throughout."""
    problem, noise = scalar(), Design(0, ["a"], [0], shape=ONE)
    keys = tuple(SCHEDULE.level(t) for t in levels)
    begin = Beginning(jitter=0, top_noise=0.1, spread=0.7, gate=5, twice=False)
    family = Family(keys, begin(problem, noise, keys, scaled), scaled, 0.2)
    objective = objective or Objective(gaussian_top, misfit("gaussian", SIGMA, True), summed=True)
    fits = fitted(problem, noise, family, objective, (1, 1, 1), Rates((0.02,) * 3, 1), 8)
    for _ in range(iterations):
        family, _ = next(fits)
    return family


def log_weights(family, count=2000):
    """log p(y, z) - log q(z) of draws of the family: log p(y) of the chain, when q is its posterior."""
    problem, noise = scalar(count), Noise(3, ["a"] * count, range(count), shape=ONE)
    family = family.rows(torch.zeros(count, dtype=torch.long))

    def log_normal(x, law):
        std = torch.as_tensor(law.std, dtype=torch.float64)
        return (-0.5 * ((x - law.mean) / std) ** 2 - std.log() - 0.5 * math.log(2 * math.pi)).flatten()

    z = family.top().draw(noise.normal("top"))
    marginal = Step(full(TOP.signal * MEAN, 1), math.sqrt(TOP.alpha_bar * STD**2 + TOP.noise**2))
    found = log_normal(z, marginal) - log_normal(z, family.top())
    for k in range(1, len(family.levels)):
        p = family.transition(k, problem, z)
        q = family.step(k, p)
        z = q.draw(noise.normal("chain", k))
        found = found + log_normal(z, p) - log_normal(z, q)
    return found + log_normal(problem.y, Step(problem.predict(z, family.levels[-1]).x0, SIGMA))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("levels", OPTIMUM)
def test_a_fit_ends_at_the_posterior_of_the_chain(levels, scaled):
    """Gaussian prior, exact objective: the evidence is the chain's, .28 away from the model's."""
    evidence, top, below = OPTIMUM[levels]
    family = fit(levels, scaled)
    weights = log_weights(family)
    assert -weights.mean().item() == pytest.approx(evidence, abs=1e-3) and weights.std() < 0.01
    assert evidence < TRUE - 0.28
    q = family.top()
    assert (q.mean.item(), q.std.item()) == pytest.approx(top, rel=0.005)
    for k, (gamma, mu, tau) in enumerate(below, start=1):
        # q's mean at two values of the prior's step gives γ and (1 - γ) m
        zero, one = (family.step(k, Step(full(v, 1, *ONE), 0.1)) for v in (0.0, 1.0))
        gate = (one.mean - zero.mean).item()
        assert (gate, zero.mean.item() / (1 - gate), zero.std.item()) == pytest.approx((gamma, mu, tau), rel=0.01)
    moved = replace(family, parameters=family.parameters._replace(means=family.parameters.means + 0.1))
    assert -log_weights(moved).mean() > evidence + 0.01, "log-weights tell a family that is not the optimum"


def posterior(levels, items):
    """The chain's posterior as a family."""
    _, top, below = OPTIMUM[levels]
    laws = [top, *((mu, tau) for _, mu, tau in below)]
    means = torch.stack([full(mean, items, *ONE) for mean, _ in laws])
    spreads = torch.stack([full(2 * math.log(std), items, *ONE) for _, std in laws])
    gates = torch.stack([full(math.log(gamma / (1 - gamma)), items, *ONE) for gamma, _, _ in below])
    return Family(tuple(SCHEDULE.level(t) for t in levels), Parameters(means, spreads, gates), False, 0.2)


def draws(items, count, levels, seed=0):
    noise = Noise(seed, [str(i) for i in range(items)], ["item"] * items)
    chain = [noise.normal("level", k, (count, *ONE)) for k in range(levels)]
    return Draws(chain, noise.normal("above", 0, ((count + 1) // 2, *ONE)), 0.37)


@pytest.mark.parametrize("levels", OPTIMUM)
def test_the_drawn_objective_is_the_evidence_at_the_optimum(levels):
    items, count = 2000, 640
    problem, family = scalar(items), posterior(levels, items)
    objective = Objective(Exact.above(TOP, SCHEDULE), misfit("gaussian", SIGMA, True), summed=True)
    rows = problem.rows(torch.arange(items).repeat_interleave(count))
    losses = objective(problem, rows, family, draws(items, count, len(levels))).losses.sum(0)
    error = losses.std() / math.sqrt(items)
    assert losses.mean().item() == pytest.approx(OPTIMUM[levels][0], abs=3 * error.item() + 3e-4)  # P is a bound
    assert error < 0.01


def test_drawn_fits_come_back_to_the_optimum():
    """Forty fits with ten draws each, from parameters that are off: means within 2 %, τ within 5 %."""
    items = 40
    objective = Objective(Exact.above(TOP, SCHEDULE), misfit("gaussian", SIGMA, True), summed=True)
    noise = Noise(0, [str(i) for i in range(items)], ["item"] * items, shape=ONE)
    family = posterior((550, 400), items)
    means, spreads, gates = family.parameters
    family = replace(family, parameters=Parameters(means + 0.2, spreads + 0.4, gates + 0.5))
    fits = fitted(scalar(items), noise, family, objective, (1, 1, 1), Rates((0.05,) * 3, 0.9), 10)
    for _ in range(200):
        family, _ = next(fits)
    _, top, [(gamma, mu, tau)] = OPTIMUM[550, 400]
    found = [family.top().mean, family.parameters.means[1], family.parameters.gates.sigmoid()]
    assert [f.mean().item() for f in found] == pytest.approx([top[0], mu, gamma], rel=0.02)
    found = [family.top().std, (0.5 * family.parameters.log_variances[1]).exp()]
    assert [f.mean().item() for f in found] == pytest.approx([top[1], tau], rel=0.05)


def test_the_diffusion_loss_is_a_tight_bound_and_needs_the_entropy():
    top = Normal(full(1.1, 1, *ONE), full(0.5, 1, *ONE))
    signs = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]], dtype=torch.float64).view(2, 1, 4, *ONE)
    above, problem = Exact.above(TOP, SCHEDULE), scalar()
    z, pairs = drawn(top, signs[0]), above.pairs
    every = [replace(above, pairs=pairs)._apart(problem, z[0], signs[1, 0], *pair).mean() for pair in pairs]
    entropy = math.log(0.5) + 0.5 * math.log(2 * math.pi * math.e)
    total = sum(every) + above._constant + above._terminal(z, pairs[0][0]) - entropy
    exact = gaussian_top(problem, top, z, None, 0.0)
    assert len(pairs) == 449 and total.item() == pytest.approx(0.840384, abs=2e-6)
    assert exact.item() == pytest.approx(0.840174, abs=2e-6)
    # one call visits strata of the times: two pairs of draws at each are all of them
    z = z.repeat(1, 449, 1, 1, 1)
    assert above(problem, top, z, torch.ones_like(z[:, ::2]), 0.0).item() == pytest.approx(total.item(), abs=1e-9)


def test_at_the_last_time_the_diffusion_loss_is_a_divergence_from_noise():
    last = SCHEDULE.level(999)
    top, z = Normal(full(0.2, 1, *ONE), full(0.9, 1, *ONE)), full(0.0, 1, 2, *ONE)
    z[0, :, 0, 0, 0] = torch.tensor([0.2 + 0.9, 0.2 - 0.9], dtype=torch.float64)
    found = Exact.above(last, SCHEDULE)(scalar(), top, z, z[:, :1], 0.0)
    assert found.item() == pytest.approx(kl(top, Step(full(0.0, 1), 1.0)).item(), abs=1e-12)


def test_a_chain_that_is_the_priors_costs_nothing():
    levels = (550, 500, 400)
    keys = tuple(SCHEDULE.level(t) for t in levels)
    stds = [transition(scalar(), full(0.1, 1, *ONE), *pair, 0.2).std for pair in pairwise(keys)]
    spreads = torch.stack([full(2 * math.log(s), 3, *ONE) for s in (0.9, *stds)])
    parameters = Parameters(full(0.4, 3, 3, *ONE), spreads, full(40.0, 2, 3, *ONE))
    problem = scalar(3)
    objective = Objective(gaussian_top, misfit("gaussian", SIGMA, True), summed=True)
    rows = problem.rows(torch.arange(3).repeat_interleave(4))
    family = Family(keys, parameters, False, 0.2)
    assert objective(problem, rows, family, draws(3, 4, 3)).losses[1].abs().max() < 1e-12
    bent = replace(family, parameters=parameters._replace(gates=full(2.0, 2, 3, *ONE)))
    assert objective(problem, rows, bent, draws(3, 4, 3)).losses[1].min() > 1e-3


def test_the_public_codes_divergence_has_another_minimum():
    evidence, _, [(gamma, _, _)] = OPTIMUM[550, 400]
    wrong = Objective(gaussian_top, misfit("gaussian", SIGMA, True), summed=True, inverted=True)
    family = fit((550, 400), iterations=400, objective=wrong)
    assert -log_weights(family).mean() > evidence + 0.05
    assert abs(family.parameters.gates.sigmoid().item() - gamma) > 0.1


def published(*defects):
    return Published.above(TOP, SCHEDULE, frozenset(defects))


def test_the_published_times_and_kernels():
    mended = published()
    assert len(mended.times) == 139 and [t.t for t in mended.times[-4:]] == [986, 990, 994, 998]
    t, s = SCHEDULE.level(800), SCHEDULE.level(700)
    # with the schedule's own variance it is the bridge from T_e
    to_s = mended._kernel(s, full(TOP.noise**2, 1))
    found, bridge = mended._between(to_s, full(0.4, 1), full(-0.3, 1), t, s), Bridge.between(TOP, s, t)
    assert found.mean.item() == pytest.approx(bridge.mean(full(0.4, 1), full(-0.3, 1)).item(), abs=1e-12)
    assert found.std.item() ** 2 == pytest.approx(bridge.variance, abs=1e-12)
    # z_t has the forward law about μ, whatever τ is
    for tau2 in (0.3, 0.9):
        a, b2 = mended._kernel(t, full(tau2, 1))
        assert (a * math.sqrt(1 - tau2)).item() == pytest.approx(t.signal)
        assert (a**2 * tau2 + b2).item() == pytest.approx(t.noise**2)


def test_every_defect_of_the_published_loss_has_its_switch():
    top = Normal(full(0.5, 2, *ONE), full(0.9, 2, *ONE))
    some = draws(2, 5, 1)
    values = {
        defect: published(*defect)(scalar(2), top, drawn(top, some.chain[0]), some.above, 0.2)
        for defect in ((), ("inverted_kl",), ("swapped_kernel",), ("no_entropy",))
    }
    entropy = math.log(0.9) + 0.5 * math.log(2 * math.pi * math.e)
    assert torch.allclose(values["no_entropy",] - values[()], full(entropy, 2))
    for defect in (("inverted_kl",), ("swapped_kernel",)):
        assert (values[defect] - values[()]).abs().min() > 1e-3


def test_a_published_time_that_is_not_noisier_than_the_fit_is_left_out():
    wide = Normal(full(0.5, 1, *ONE), full(0.998, 1, *ONE))
    some = draws(1, 5, 1)
    loss = published("no_entropy")
    kept = [n for n in (2 + j for j in strata(0.2, 3, 137)) if loss.times[n - 1].noise > 0.998]
    assert 0 < len(kept) < 3
    assert loss(scalar(), wide, drawn(wide, some.chain[0]), some.above, 0.2).isfinite().all()


def test_means_begin_at_the_measurement_and_once_scaled():
    keys, noise = tuple(SCHEDULE.level(t) for t in (550, 400)), Noise(0, ["a"], ["item"], shape=ONE)
    once, twice = (Beginning(0, 0, 0.7, 5, wrong)(scalar(), noise, keys, True) for wrong in (False, True))
    assert once.means[0].item() == twice.means[0].item() == Y
    low = keys[1]
    drawn = low.noise * noise.normal("fit mean", 1).item()
    assert (once.means[1].item(), twice.means[1].item()) == pytest.approx((Y + drawn, low.signal * Y + drawn))
    spreads = (0.5 * once.log_variances).exp().flatten().tolist()
    assert spreads == pytest.approx([0.961637, 0.524823], abs=1e-6)
