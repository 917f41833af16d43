"""CoPaint-TT: its walk and cost, the noise of its way up, CoPaint as the case without travel."""

import math

import pytest
import torch

from posterity.diffusion.grids import spaced
from posterity.samplers.copaint import CoPaint
from posterity.samplers.copaint_tt import CoPaintTT

SHAPE = (3, 4, 4)


def test_cost_of_the_published_setting(bench):
    """489 reverse steps and 24 turns, each with 1 + 2 evaluations and 2 gradients."""
    operator, prior = bench.operators(SHAPE)["inpaint"], bench.Gaussian(SHAPE, torch.eye(48))
    y, steps = operator(torch.zeros(1, *SHAPE, dtype=torch.float64)), []
    options = {"noise": bench.rows(bench.Draws, 1), "watch": lambda step, count, x0: steps.append(step)}
    samples = bench.restore(CoPaintTT(), prior, operator, y, **options)
    assert len(steps) == 489 and samples.cost.backwards == 2 * (489 + 24)
    assert 3 * (489 + 24) <= samples.cost.forwards < 3 * (489 + 24) + 100


def test_one_pass_is_copaint(bench):
    operator, prior = bench.operators(SHAPE)["sr"], bench.Network(SHAPE)
    y, noise = operator(torch.rand(1, *SHAPE, dtype=torch.float64)), bench.rows(bench.Draws, 2)
    plain = bench.restore(CoPaint(steps=20), prior, operator, y, noise=noise).x
    assert torch.equal(bench.restore(CoPaintTT(steps=20, jump_repeat=1), prior, operator, y, noise=noise).x, plain)


def test_the_way_up_keeps_the_marginals(bench):
    """Without gradients and with an oracle: mean √ᾱ x, variance 1 - ᾱ of all states that are ever denoised."""
    truth, operator = torch.linspace(-1, 1, 3, dtype=torch.float64).view(1, 1, 3), bench.operators(SHAPE)["denoise"]
    grid, times = spaced(12), []
    sampler = CoPaintTT(steps=12, gradient_steps=0, jump_length=3, jump_repeat=2, clamp=False)
    a = bench.schedule.alpha_bar(grid[10])

    def outcome(noise):
        prior = bench.Oracle(truth)
        start = (grid[10], math.sqrt(a) * truth + math.sqrt(1 - a) * noise.normal("start", 0, (1, 1, 3)))
        bench.restore(sampler, prior, operator, truth[None], noise=noise, start=start)
        times[:] = [t for t, _ in prior.seen]
        return torch.cat([x.flatten(1) for _, x in prior.seen], dim=1)

    mean, covariance = bench.exact_moments(outcome)
    level = torch.tensor([bench.schedule.alpha_bar(t) for t in times], dtype=torch.float64)[:, None]
    assert times != sorted(times, reverse=True)
    assert torch.allclose(mean.view(-1, 3), level.sqrt() * truth.flatten(), atol=1e-9)
    assert torch.allclose(covariance.diagonal().view(-1, 3), (1 - level).expand(-1, 3), atol=1e-9)


@pytest.mark.parametrize("name", ["inpaint", "sr"])
def test_optimised_restorations_come_nearer_to_y(bench, name):
    operator, prior = bench.operators(SHAPE)[name], bench.Gaussian(SHAPE, 0.1 * torch.eye(48) + 0.05)
    y, noise = operator(torch.full((1, *SHAPE), 0.5, dtype=torch.float64)), bench.rows(bench.Draws, 10)
    residuals = []
    for count in (0, 1):
        sampler = CoPaintTT(steps=100, rate_growth=1.03, gradient_steps=count)
        x = bench.restore(sampler, prior, operator, y, noise=noise).x
        residuals.append((operator(x) - y).square().mean().sqrt().item())
    assert residuals[1] < residuals[0] / 3
