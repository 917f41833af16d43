"""CoPaint: the loss falls and ends at its minimiser, rows search for themselves, costs."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from posterity.diffusion.grids import spaced
from posterity.diffusion.noise import Noise
from posterity.samplers.copaint import CoPaint


def denoised(prior, x_t, t):
    """E[x0 | x_t] at a time of the prior's table."""
    return prior.predict(x_t, prior.schedule.level(t)).x0


SHAPE = (3, 4, 4)
GRID = spaced(250)
NOW = 100


def optimised(bench, sampler, problem, x_t, now=NOW):
    """The state at level ``now`` of the grid."""
    level = bench.schedule.level(GRID[now])
    return sampler._optimise(problem, level, sampler.strengths(bench.schedule)[level], x_t)


@pytest.fixture
def prior(bench):
    factor = torch.randn(48, 48, generator=torch.Generator().manual_seed(0)).double() / 8
    return bench.Gaussian(SHAPE, factor @ factor.T + 0.05 * torch.eye(48))


def case(bench, prior, name, rows=2):
    """(problem, x_t) at level NOW."""
    rng = torch.Generator().manual_seed(3)
    operator = bench.operators(SHAPE)[name]
    y = operator(torch.randn(rows, *SHAPE, generator=rng, dtype=torch.float64))
    return bench.problem(prior, operator, y), torch.randn(rows, *SHAPE, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("name", ["inpaint", "sr", "colorize"])
def test_many_steps_reach_the_minimiser(bench, prior, name):
    """L is quadratic for a Gaussian: (JᵀAᵀA J + λ)x = JᵀAᵀy + λ x_t."""
    problem, x_t = case(bench, prior, name)
    t, stay = GRID[NOW], 0.1
    found = CoPaint(gradient_steps=2000, rate=5.0, rate_growth=1.0, stay=stay, stay_growth=1.0, clamp=False)
    x = optimised(bench, found, problem, x_t).x
    operator = problem.operator
    matrix = operator(torch.eye(48, dtype=torch.float64).view(48, *SHAPE)).flatten(1).T @ prior.jacobian(t)
    left = matrix.T @ matrix + stay * torch.eye(48)
    right = problem.y.flatten(1) @ matrix + stay * x_t.flatten(1)
    assert torch.allclose(x.flatten(1), torch.linalg.solve(left, right.T).T, atol=1e-4)


@pytest.mark.parametrize("name", ["inpaint", "sr"])
@pytest.mark.parametrize("rate", [0.02, 30.0])
def test_no_step_raises_the_loss(bench, prior, name, rate):
    problem, x_t = case(bench, prior, name)
    losses = []
    for count in range(6):
        sampler = CoPaint(gradient_steps=count, rate=rate, clamp=False)
        losses.append(optimised(bench, sampler, problem, x_t).loss)
    assert all((after <= before).all() for before, after in pairwise(losses))
    assert (losses[-1] < losses[0]).all()


def test_every_row_has_its_own_step_size(bench, prior):
    """A row that must shorten its step leaves the other's as it is."""
    problem, x_t = case(bench, prior, "sr")
    problem.y[0] = problem.operator(denoised(prior, x_t, GRID[NOW]))[0]  # row 0 has nearly nothing to gain
    sampler = CoPaint(rate=30.0, stay=1.0, clamp=False)
    together = optimised(bench, sampler, problem, x_t).x
    for row in (0, 1):
        alone = bench.problem(prior, problem.operator, problem.y[[row]])
        assert torch.allclose(optimised(bench, sampler, alone, x_t[[row]]).x[0], together[row], atol=1e-12)


def test_step_size_and_distance_grow_as_published(bench):
    """One step on a scalar: how far it goes shows the rate, the loss where it ends shows λ."""
    prior = bench.Gaussian((1, 1, 1), torch.eye(1))
    operator, a = bench.operators(SHAPE)["denoise"], bench.schedule.alpha_bar
    problem, x_t = bench.problem(prior, operator, torch.ones(1, 1, 1, 1).double()), torch.zeros(1, 1, 1, 1).double()
    for now in (249, 100, 0):
        t = GRID[now]
        tried = optimised(bench, CoPaint(gradient_steps=1, clamp=False), problem, x_t, now)
        # L = (1 - √ᾱ x)² + λ x² has slope -2√ᾱ at 0.
        step = 0.02 * 1.012 ** (249 - now) * math.sqrt(a(t) / a(0)) * 2 * math.sqrt(a(t))
        assert tried.x.item() == pytest.approx(step, rel=1e-9)
        stay = 1e-4 * 1.01 ** (249 - now)
        assert tried.loss.item() == pytest.approx((1 - math.sqrt(a(t)) * step) ** 2 + stay * step**2, rel=1e-9)


def test_masked_entries_of_y_count_for_nothing(bench, prior):
    problem, x_t = case(bench, prior, "inpaint")
    before = optimised(bench, CoPaint(), problem, x_t)
    problem = replace(problem, y=problem.y + 5 * (1 - problem.operator.keep))
    assert torch.equal(optimised(bench, CoPaint(), problem, x_t).x, before.x)


@pytest.mark.parametrize("name", ["inpaint", "sr"])
def test_restorations_come_near_y(bench, name):
    operator, prior = bench.operators(SHAPE)[name], bench.Gaussian(SHAPE, 0.1 * torch.eye(48) + 0.05)
    y, noise = operator(torch.full((1, *SHAPE), 0.5, dtype=torch.float64)), bench.rows(bench.Draws, 20)
    residuals = [
        (operator(bench.restore(sampler, prior, operator, y, noise=noise).x) - y).square().mean().sqrt().item()
        for sampler in (CoPaint(gradient_steps=0), CoPaint())
    ]
    assert residuals[1] < 0.1 < residuals[0]


def test_cost_of_the_published_setting(bench):
    """249 levels of 1 + 2 evaluations, no retries here, and 498 gradients."""
    operator, prior = bench.operators(SHAPE)["inpaint"], bench.Gaussian(SHAPE, torch.eye(48))
    y = operator(torch.zeros(1, *SHAPE, dtype=torch.float64))
    samples = bench.restore(CoPaint(), prior, operator, y, noise=bench.rows(bench.Draws, 2))
    assert samples.cost.backwards == 498
    assert 747 <= samples.cost.forwards < 800
    assert samples.x.abs().max() <= 1 and not samples.x.requires_grad


def test_without_gradients_it_is_ddim_and_costs_no_backward(bench):
    """The variance at level 0 is the squared product of the deterministic steps' gains."""
    prior, operator = bench.Gaussian((1, 1, 1), 0.25 * torch.eye(1)), bench.operators(SHAPE)["denoise"]
    y, sampler = torch.zeros(1, 1, 1, 1, dtype=torch.float64), CoPaint(gradient_steps=0, clamp=False)
    outcome = lambda n: bench.restore(sampler, prior, operator, y, noise=n).x.flatten(1)  # noqa: E731
    _, covariance = bench.exact_moments(outcome)
    a, gain = bench.schedule.alpha_bar, 1.0
    for now in range(249, 0, -1):
        t, s = GRID[now], GRID[now - 1]
        x0 = prior.jacobian(t).item()
        gain *= math.sqrt(a(s)) * x0 + math.sqrt((1 - a(s)) / (1 - a(t))) * (1 - math.sqrt(a(t)) * x0)
    assert covariance.item() == pytest.approx(gain**2, rel=1e-9)
    assert bench.restore(sampler, prior, operator, y, noise=bench.rows(bench.Draws, 1)).cost.backwards == 0


def test_each_row_has_its_own_line_search(bench):
    """Steps so long that every row retries: together and alone they end in the same place."""
    operator, sampler = bench.operators(SHAPE)["inpaint"], CoPaint(steps=4, rate=30.0)
    y = operator(torch.rand(3, *SHAPE, dtype=torch.float64) * 2 - 1)
    starts = torch.randn(3, *SHAPE, dtype=torch.float64) * torch.tensor([0.2, 1.0, 3.0]).view(3, 1, 1, 1)

    def restored(rows):
        noise = Noise(0, [str(r) for r in rows], [0] * len(rows))
        problem = bench.problem(bench.Network(SHAPE), operator, y[rows])
        return sampler.sample(problem, noise, start=(999, starts[rows])).x

    together = restored([0, 1, 2])
    for row in range(3):
        assert torch.allclose(together[row], restored([row])[0], rtol=0, atol=1e-9)


def test_a_loss_that_is_not_a_number_is_a_step_too_far(bench):
    """A network that overflows far out: the line search comes back from there."""

    class Cliff(bench.Network):
        def predict(self, x_t, level):
            found = super().predict(x_t, level)
            return found._replace(x0=torch.where(x_t.abs() > 6, torch.nan, found.x0))

    operator = bench.operators(SHAPE)["inpaint"]
    y = operator(torch.rand(2, *SHAPE, dtype=torch.float64) * 2 - 1)
    problem = bench.problem(Cliff(SHAPE), operator, y)
    x = CoPaint(steps=4, rate=200.0).sample(problem, Noise(0, ["a", "b"], [0, 0])).x
    assert bool(x.isfinite().all())
