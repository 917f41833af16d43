"""Runs of VIPaint: items that do not see each other, what is counted, progress, levels, the published form."""

import math
from dataclasses import replace

import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.priors.base import Prediction, Prior
from posterity.samplers.base import Problem
from posterity.samplers.vipaint import VIPaint
from posterity.samplers.vipaint.objective import misfit

SHAPE = (3, 4, 4)
SMALL = {"iterations": 4, "draws": 3, "steps": 5}


def items(bench, names, numbers, sampler, seed=2):
    """(samples, problem, noise) of rows of the items ``names``, whose measurements are functions of them."""
    rng = {name: torch.Generator().manual_seed(ord(name)) for name in names}
    y = torch.stack([torch.rand(SHAPE, generator=rng[name].manual_seed(ord(name))).double() for name in names])
    operator = Inpainting((y[:, :1] < 0.5).double(), SHAPE)
    known = sorted(set(names))
    problem = Problem(
        bench.Network(SHAPE), operator, operator(y), 0.1, torch.tensor([known.index(name) for name in names])
    )
    noise = Noise(seed, names, numbers)
    return sampler.sample(problem, noise), problem, noise


def test_a_fit_is_the_items_alone_among_others_and_for_any_number_of_samples(bench):
    sampler = VIPaint(**SMALL)
    together, problem, noise = items(bench, list("abbcab"), [0, 0, 1, 0, 1, 2], sampler)
    found = sampler.fit(problem, noise.shaped(SHAPE)).of_samples().parameters
    alone, problem, noise = items(bench, ["b"], [7], sampler)
    single = sampler.fit(problem, noise.shaped(SHAPE)).of_samples().parameters
    for many, one in zip(found, single, strict=True):
        assert all(torch.allclose(many[:, row], one[:, 0], atol=1e-12, rtol=0) for row in (1, 2, 5))
        assert (many[:, 0] - many[:, 1]).abs().max() > 1e-6, "items have fits of their own"
    assert (alone.x[0] - together.x[1]).abs().max() > 1e-3, "samples have draws of their own"
    first, rest = (items(bench, *part, sampler)[0].x for part in ((list("abb"), [0, 0, 1]), (list("cab"), [0, 1, 2])))
    assert torch.allclose(torch.cat([first, rest]), together.x, atol=1e-11, rtol=0)


def test_noise_of_the_fit_is_the_items(bench):
    """The twin that gives each row a fit of its own is caught by what the test above asks."""
    sampler = VIPaint(**SMALL)
    _, problem, noise = items(bench, list("bb"), [0, 1], sampler)
    apart = replace(problem, items=torch.arange(2))
    noise = noise.shaped(SHAPE)
    shared, own = (sampler.fit(apart, n).of_samples().parameters.means for n in (noise, _OwnDraws.of(noise)))
    assert torch.allclose(shared[:, 0], shared[:, 1], atol=1e-12, rtol=0)
    assert (own[:, 0] - own[:, 1]).abs().max() > 1e-3


class _OwnDraws(Noise):
    """Whose draws of items are those of samples."""

    @classmethod
    def of(cls, noise):
        return cls(noise.seed, noise.items, noise.samples, noise.dtype, noise.device, noise.shape)

    def of_items(self):
        return self


class _Hooked(Prior):
    """A layer of torch that counts the rows of its own passes, forwards and backwards."""

    signal_shape = SHAPE
    schedule = Schedule.linear()

    def __init__(self):
        self.layer, self.passes = torch.nn.Linear(48, 48, dtype=torch.float64), {"forwards": 0, "backwards": 0}
        self.layer.register_forward_hook(lambda _, given, made: self._count("forwards", made))
        self.layer.register_full_backward_hook(lambda _, slopes, given: self._count("backwards", given[0]))

    def _count(self, way, rows):
        self.passes[way] += len(rows)

    def predict(self, x_t, level):
        return Prediction(self.layer(x_t.flatten(1)).view(x_t.shape))


@pytest.mark.parametrize(("levels", "fit"), [((550, 400), 150), ((550, 500, 450, 400), 250)])
def test_costs_are_those_of_the_source(levels, fit):
    """50 iterations, ten draws and ten samples: K + 1 evaluations an iteration with gradients, K - 1 plain, 400 steps.

    Rows are counted by hooks of the layer itself. The last step's gradient, which the source takes and nobody reads,
    is not taken.
    """
    prior, operator = _Hooked(), Denoising(SHAPE)
    problem = Problem(prior, operator, torch.zeros(10, *SHAPE, dtype=torch.float64), 0.1, torch.zeros(10).long())
    cost = VIPaint(levels=levels).sample(problem, Noise(0, ["a"] * 10, range(10))).cost
    assert prior.passes == {"forwards": 10 * (fit + len(levels) - 1 + 400), "backwards": 10 * (fit + 399)}
    assert (cost.forward_rows, cost.backward_rows) == (prior.passes["forwards"], prior.passes["backwards"])


def test_levels_by_snr_are_those_by_time(bench):
    by_time = VIPaint(**SMALL)
    snrs = tuple(bench.schedule.level(t).snr for t in by_time.levels)
    by_snr = replace(by_time, levels=snrs, by="snr")
    assert [t.t for t in by_snr.times(bench.schedule)] == pytest.approx([t.t for t in by_time.times(bench.schedule)])
    assert [t.t for t in VIPaint().times(bench.schedule)] == pytest.approx([550, *range(400, 0, -1), -1])


def test_progress_tells_the_fit_and_then_the_steps(bench):
    told = []
    sampler = VIPaint(levels=(500, 400, 300), **SMALL)
    _, problem, noise = items(bench, list("aab"), [0, 1, 0], sampler)
    samples = sampler.sample(problem, noise, watch=lambda step, count, x0: told.append((step, count, x0.shape)))
    shape = (3, *SHAPE)
    assert told == [(i, 4, shape) for i in range(4)] + [(i, 7, shape) for i in range(7)]
    history = sampler.fit(problem, noise.shaped(SHAPE)).history
    assert [tuple(losses.shape) for losses in history] == [(3, 2)] * 4
    assert samples.x.isfinite().all()


def test_the_bound_falls_during_a_fit(bench):
    _, problem, noise = items(bench, list("ab"), [0, 0], VIPaint(**SMALL))
    sampler = VIPaint(iterations=40, draws=8)
    losses = torch.stack(sampler.fit(problem, noise.shaped(SHAPE)).history).sum(1)
    assert (losses[-5:].mean(0) < 0.8 * losses[:5].mean(0)).all()


def test_l1_is_a_laplace_law_of_the_same_standard_deviation():
    residual = torch.tensor([[0.3, -0.1, 0.0]], dtype=torch.float64)
    measured = torch.tensor([2.0], dtype=torch.float64)
    laplace = torch.distributions.Laplace(torch.zeros(1).double(), torch.tensor(0.2 / math.sqrt(2)).double())
    normal = torch.distributions.Normal(torch.zeros(1).double(), torch.tensor(0.2).double())
    for kind, law in (("l1", laplace), ("gaussian", normal)):
        expected = -law.log_prob(residual[0, :2]).sum()
        assert misfit(kind, 0.2, summed=True)(residual, measured).item() == pytest.approx(expected.item())
    assert misfit("l1", 0.2, summed=False)(residual, measured).item() == pytest.approx(0.4 / 3)


def test_the_published_form_runs_and_its_phase_2_adds_no_noise(bench):
    everything = ("inverted_kl", "swapped_kernel", "no_entropy", "twice_scaled", "no_noise")
    form = {"objective": "repo", "likelihood": "l1", "pull": "loss", "defects": everything, "jitter": 1.0}
    x, problem, noise = items(bench, list("aab"), [0, 1, 0], VIPaint(**form, **SMALL))
    assert x.x.isfinite().all()
    for wrong, moves in (((), True), (("no_noise",), False)):
        sampler = VIPaint(defects=wrong, stochasticity=1.0, **SMALL)
        one, two = (sampler.sample(problem, _Otherwise.of(noise, seed)).x for seed in (0, 1))
        assert ((one - two).abs().max() > 1e-3) == moves


class _Otherwise(Noise):
    """Other draws for the steps of phase 2 by ``seed``, and the same for all else."""

    @classmethod
    def of(cls, noise, seed):
        return cls(seed << 8, noise.items, noise.samples, noise.dtype, noise.device, noise.shape)

    def draw(self, purpose, step, shape):
        noise = self if purpose == "step" else replace(self, seed=2)
        return super(_Otherwise, noise).draw(purpose, step, shape)

    def of_items(self):
        return Noise(2, self.items, ["item"] * len(self), self.dtype, self.device, self.shape)
