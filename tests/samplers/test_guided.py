"""Guidance inside a sampler: consistency survives, rare modes come to be shown."""

from itertools import pairwise

import pytest
import torch

from posterity.diffusion.levels import CLEAN
from posterity.operators.masks import Inpainting
from posterity.priors.kernel import Kernel
from posterity.samplers.copaint import CoPaint
from posterity.samplers.ddnm import DDNM
from posterity.samplers.diffpir import DiffPIR
from posterity.samplers.dps import DPS
from posterity.samplers.ilvr import ILVR
from posterity.samplers.pgdm import PGDM
from posterity.samplers.repaint import RePaint
from posterity.samplers.replacement import Replacement
from posterity.wrappers.diversity import Diversity

SHAPE = (3, 4, 4)


@pytest.mark.parametrize("name", ["inpaint", "sr", "colorize"])
def test_guided_ddnm_still_agrees_with_y(bench, name):
    operator = bench.operators(SHAPE)[name]
    y = operator(torch.rand(1, *SHAPE, dtype=torch.float64))
    options = {"noise": bench.rows(bench.Draws, 5), "items": [0] * 5, "guidance": Diversity(eta=0.9)}
    x = bench.restore(DDNM(), bench.Network(SHAPE), operator, y, **options).x
    assert (operator(x) - y).abs().max() < 1e-12


CUT_AGAIN = [
    DPS(steps=20), RePaint(steps=20, jump_repeat=1), DiffPIR(steps=10), ILVR(steps=10), CoPaint(steps=10),
    Replacement(steps=10), Replacement(steps=10, form="blended"),
]  # fmt: skip


@pytest.mark.parametrize("sampler", CUT_AGAIN, ids=lambda sampler: type(sampler).__name__)
def test_predictions_are_cut_again_after_the_push(bench, sampler):
    operator, predictions = bench.operators(SHAPE)["inpaint"], []
    options = {"noise": bench.rows(bench.Draws, 5), "items": [0] * 5, "guidance": Diversity(eta=5.0)}
    watch = lambda step, steps, x0: predictions.append(x0)  # noqa: E731
    y = torch.zeros(1, *SHAPE, dtype=torch.float64)
    bench.restore(sampler, bench.Network(SHAPE), operator, y, **options, watch=watch)
    assert torch.stack(predictions).abs().max() == 1.0


class FromTheMiddle(PGDM):
    """PGDM along two levels where the push is large in x0 and in eps."""

    def times(self, schedule):
        return [schedule.level(500), schedule.level(300), CLEAN]


def test_pgdm_steps_and_compares_with_the_push_and_keeps_the_networks_noise(bench):
    """Two steps by hand: x0 and the residual are pushed, eps is not, and the gradient does not see the push."""
    operator, prior = bench.operators(SHAPE)["inpaint"], bench.Network(SHAPE)
    y = operator(torch.rand(1, *SHAPE, dtype=torch.float64) * 2 - 1)
    sampler, push = FromTheMiddle(eta=0.0, weight="paper", init="noise"), 0.3
    expected = torch.randn(1, *SHAPE, dtype=torch.float64)
    found = bench.restore(
        sampler, prior, operator, y, noise=bench.rows(bench.Draws, 1), start=(500, expected),
        guidance=lambda x0, items, unknowns, fraction: x0 + push,
    ).x  # fmt: skip
    for t, s in pairwise(sampler.times(prior.schedule)):
        x = expected.clone().requires_grad_()
        network = prior.predict(x, t).x0
        pushed = network.detach() + push
        eps = (expected - t.signal * network.detach()) / t.noise
        (gradient,) = torch.autograd.grad(network, x, operator.pinv(y - operator(pushed)))
        expected = s.signal * pushed + s.noise * eps + t.signal * gradient
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)


def test_sets_show_the_rare_mode_more_often_with_stronger_guidance(bench):
    """Modes of weight 0.95 and 0.05 that differ where nothing is measured; 200 sets of five samples."""
    images = torch.tensor([[[[0.0, -1.0]]], [[[0.0, 1.0]]]], dtype=torch.float64)
    prior = Kernel(images, torch.tensor([0.95, 0.05]), 0.1)
    keep = torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    noise, items = bench.rows(bench.Draws, 1000), torch.arange(1000) // 5
    shown = []
    for eta in (0.0, 0.8, 1.6, 3.2):
        options = {"noise": noise, "items": items, "guidance": Diversity(eta=eta)}
        x = bench.restore(DDNM(steps=50), prior, Inpainting(keep, (1, 1, 2)), torch.zeros_like(keep), **options).x
        rare = (x[..., 1].flatten() > 0).view(200, 5)
        shown.append((rare.any(1) & ~rare.all(1)).float().mean().item())
    assert all(weaker + 0.03 < stronger for weaker, stronger in pairwise(shown))
