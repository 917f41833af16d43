"""Coupled noise: each sample draws standard normal numbers, those of a set are opposed, whatever the batch."""

import math

import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from posterity.certificates.cases import PRIORS
from posterity.diffusion.noise import Noise
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.priors.gaussian import Gaussian
from posterity.priors.mixture import Mixture
from posterity.samplers.base import Problem
from posterity.samplers.ddrm import DDRM
from posterity.wrappers.base import Wrapped
from posterity.wrappers.coupled_noise import Coupled, CoupledNoise

SETS, SIZE = 400, 25
LEVEL = 0.01


def independent(sets, group, seed=0):
    """Noise of ``sets`` sets of one item each."""
    return Noise(seed, [f"item {k}" for k in range(sets) for _ in range(group)], list(range(group)) * sets)


def drawn(group, strength=1.0, purpose="step"):
    """z with shape (sets, group, numbers)."""
    return Coupled.of(independent(SETS, group), group, strength).normal(purpose, 3, (SIZE,)).view(SETS, group, SIZE)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("group", [2, 5])
def test_every_sample_is_standard_normal_and_pairs_are_opposed(group, strength):
    z = drawn(group, strength)
    count = SETS * SIZE
    for member in range(group):
        own = z[:, member].flatten()
        assert abs(own.mean()) < 4 / math.sqrt(count) and abs(own.var() - 1) < 4 * math.sqrt(2 / count)
        assert stats.kstest(own.numpy(), "norm").pvalue > LEVEL / group
    correlation = torch.corrcoef(z.movedim(1, 0).flatten(1))
    pairs = correlation[~torch.eye(group, dtype=torch.bool)]
    assert (pairs + strength / (group - 1)).abs().max() < 3 / math.sqrt(count)


def test_draws_of_a_set_add_up_to_nothing_and_at_no_strength_are_the_plain_ones():
    assert drawn(5).sum(1).abs().max() < 1e-6
    assert torch.equal(drawn(5, 0.0).flatten(0, 1), independent(SETS, 5).normal("step", 3, (SIZE,)))
    two = drawn(2)
    assert torch.allclose(two[:, 0], -two[:, 1], atol=1e-12)


def test_other_steps_purposes_and_streams_are_independent():
    noise = Coupled.of(independent(SETS, 5), 5)
    one = noise.normal("step", 0, (SIZE,)).flatten()
    others = (
        noise.normal("step", 1, (SIZE,)),
        noise.normal("init", 0, (SIZE,)),
        noise.stream(1).normal("step", 0, (SIZE,)),
    )
    for other in others:
        assert abs(torch.corrcoef(torch.stack([one, other.flatten()]))[0, 1]) < 4 / math.sqrt(len(one))
    again = noise.stream(1).normal("step", 0, (SIZE,)).view(SETS, 5, SIZE)
    assert again.sum(1).abs().max() < 1e-6


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_row_draws_the_same_in_any_batch_order_and_company(strength):
    """Of two items with 12 samples: the last sets are not full, and a row's set need not be there."""
    items, samples = ["a"] * 12 + ["b"] * 12, [*range(12)] * 2
    whole = Coupled.of(Noise(1, items, samples), 5, strength).normal("step", 2, (3, 4))
    shuffled = torch.randperm(24).tolist()
    for rows in (shuffled, [7], [0, 7, 23], [11, 10]):
        noise = Noise(1, [items[i] for i in rows], [samples[i] for i in rows])
        assert torch.equal(Coupled.of(noise, 5, strength).normal("step", 2, (3, 4)), whole[rows])
    index = torch.tensor([3, 3, 20])
    parts = Coupled.of(Noise(1, items, samples), 5, strength).rows(index)
    assert torch.equal(parts.normal("step", 2, (3, 4)), whole[index])
    assert torch.equal(parts.rows(torch.tensor([2])).normal("step", 2, (3, 4)), whole[[20]])
    assert not torch.equal(whole[:5], whole[12:17])


def test_draws_of_items_and_uniform_ones_are_not_coupled():
    plain = independent(3, 5)
    coupled = Coupled.of(plain, 5)
    assert torch.equal(coupled.of_items().normal("scale", 0, (4,)), plain.of_items().normal("scale", 0, (4,)))
    assert torch.equal(coupled.uniform("component"), plain.uniform("component"))


@pytest.mark.parametrize("wrong", [{"group": 1}, {"group": 0}, {"strength": 1.1}, {"strength": -0.1}, {"rho": 1}])
def test_a_set_of_one_and_a_strength_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        CoupledNoise(**wrong)


# In a sampler.


def restored(prior, sets, wrap, seed, y=0.0, sigma_y=0.5):
    """(sets, 5, d) by DDRM for the same measurement."""
    rows = 5 * sets
    measured = torch.full((rows, *prior.signal_shape), y, dtype=torch.float64)
    problem = Problem(prior, Denoising(prior.signal_shape), measured, sigma_y, torch.arange(rows) // 5)
    return Wrapped(DDRM(), wrap).sample(problem, independent(sets, 5, seed)).x.view(sets, 5, -1)


class Unscaled(CoupledNoise):
    """Centres draws and forgets to scale them."""

    def around(self, sampler, problem, noise):
        return sampler.run(problem, _Weak.of(noise, self.group))


class _Weak(Coupled):
    def draw(self, purpose, step, shape):
        return super().draw(purpose, step, shape) * math.sqrt(1 - 1 / self.group)


@pytest.fixture(scope="module")
def modes():
    """Three modes in two dimensions, of weights .6, .3 and .1 and width .25."""
    means = torch.tensor([[[[-0.8, 0.0]]], [[[0.6, 0.5]]], [[[0.5, -0.7]]]], dtype=torch.float64)
    return Mixture(torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64), means, 0.25**2)


def p_value(a, b, permutations=199):
    """Permutation test of the energy distance between two samples (n, d): the share of splits as far apart."""
    pooled = torch.cat([a, b])
    sides = torch.ones(1 + permutations, len(pooled), dtype=torch.float64)
    sides[0, len(a) :] = -1
    for row in range(1, 1 + permutations):
        sides[row] = sides[0, torch.randperm(len(pooled))]
    energies = -((sides @ torch.cdist(pooled, pooled)) * sides).sum(1)
    return (energies >= energies[0]).double().mean()


def test_the_law_of_a_single_sample_is_kept_and_a_wrong_scale_is_seen(modes):
    """One sample per set, so that those of one arm are independent; two arms have different seeds."""
    plain = restored(modes, 1000, (), seed=1)[:, 0]
    for group in (2, 5):
        coupled = restored(modes, 1000, (CoupledNoise(group=group),), seed=2)
        for member in (0, 1):
            assert p_value(plain, coupled[:, member]) > LEVEL
    assert p_value(plain, restored(modes, 1000, (Unscaled(group=2),), seed=2)[:, 0]) <= LEVEL


def test_sets_of_a_mixture_spread(modes):
    """Mean distance within sets, and modes that a set shows: the paired difference is above 0 by 4 errors."""
    sets = 1500
    plain, coupled = (restored(modes, sets, wrap, seed=5, sigma_y=2.0) for wrap in ((), (CoupledNoise(),)))

    def distance(x):
        return torch.cdist(x, x).sum((1, 2)) / 20

    def shown(x):
        nearest = torch.cdist(x, modes.means.flatten(1)[None]).argmin(2)
        return torch.nn.functional.one_hot(nearest, 3).amax(1).sum(1).double()

    for number in (distance, shown):
        gain = number(coupled) - number(plain)
        assert gain.mean() > 4 * gain.std() / math.sqrt(sets)


def test_sets_of_a_gaussian_have_the_samplers_mean_and_opposed_samples():
    """An affine sampler: the mean of every set is the same, and Cov(x_i, x_j) = -Cov(x_i) / 4."""
    d = torch.arange(4.0, dtype=torch.float64)
    prior = Gaussian(torch.zeros(1, 2, 2, dtype=torch.float64), 0.04 * torch.exp(-(d[:, None] - d).abs()))
    x = restored(prior, 2000, (CoupledNoise(),), seed=3, y=0.1, sigma_y=0.2)
    means = x.mean(1)
    assert (means - means[0]).abs().max() < 1e-6
    off = (x - means[0]) / x.flatten(0, 1).std(0)
    between = (off[:, 0] * off[:, 1]).mean(0)
    assert (between + 0.25).abs().max() < 4 / math.sqrt(2000)


def test_sets_of_a_kernel_prior_show_more_modes():
    """Right halves of 24 pictures, four for each left one: with intervals of 95 %, both gains are above 0."""
    source = PRIORS["kernel"](None)
    keep = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    keep[..., 4:] = 0
    operator, sets = Inpainting(keep, (1, 8, 8)), 400
    rng = torch.Generator().manual_seed(0)
    truth = source.draw(sets, "truth").view(sets, 1, 8, 8).repeat_interleave(5, 0)
    y = operator(truth) + 0.1 * operator.where_measured(truth) * torch.randn(truth.shape, generator=rng)
    problem = Problem(source.prior, operator, y, 0.1, torch.arange(5 * sets) // 5)
    gains = []
    for wrap in ((), (CoupledNoise(),)):
        x = Wrapped(DDRM(), wrap).sample(problem, independent(sets, 5)).x
        apart = x.flatten(1).view(sets, 5, -1)
        modes = source.prior.posterior(operator, y, 0.1).mode_of(x).view(sets, 5)
        shown = torch.tensor([len(row.unique()) for row in modes], dtype=torch.float64)
        gains.append((torch.cdist(apart, apart).sum((1, 2)) / 20, shown))
    for name, plain, coupled in zip(("distance", "modes"), *gains, strict=True):
        gain = coupled - plain
        half = 1.96 * gain.std() / math.sqrt(sets)
        assert gain.mean() - half > 0, name
