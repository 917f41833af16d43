"""The closed-form problems: drawn as the spec says, alike for everyone, conditioned twice."""

import dataclasses

import pytest
import torch

from posterity import samplers
from posterity.certificates import toys
from posterity.certificates.conditional import Conditional
from posterity.certificates.probing import Streams, rows
from posterity.errors import PosterityError
from posterity.samplers.base import Problem


def test_an_instance_depends_on_dimension_number_and_seed_alone():
    torch.randn(7)
    for make in toys.TOYS.values():
        one, again = make(6, 3, seed=1), make(6, 3, seed=1)
        assert torch.equal(one.y, again.y) and torch.equal(one.truth, again.truth)
        for other in (make(6, 4, seed=1), make(6, 3, seed=2)):
            assert not torch.equal(one.matrix, other.matrix)


def test_the_mixture_has_the_means_of_the_grid():
    toy = toys.mixture(6, 0)
    pairs = {tuple(m) for m in toy.components.means[:, :2].tolist()}
    assert pairs == {(8.0 * i, 8.0 * j) for i in range(-2, 3) for j in range(-2, 3)}
    assert torch.equal(toy.components.means[:, :2].repeat(1, 3), toy.components.means)
    assert torch.equal(toy.components.covariances[0], torch.eye(6).double())


def test_truths_and_measurements_follow_the_model():
    """Residuals of y are σ_y n; distances of truths from their means are those of unit Gaussians."""
    many = [toys.mixture(4, i) for i in range(400)]
    residuals = torch.cat([(t.y - t.operator(t.truth)) / t.sigma_y for t in many])
    assert abs(residuals.square().mean() - 1) < 0.3
    nearest = [(t.truth.flatten() - t.components.means).square().sum(1).min() for t in many]
    assert abs(torch.stack(nearest).mean() - 4) < 0.6
    entries = torch.cat([t.matrix for t in many])
    assert abs(entries.mean()) < 0.11 and abs(entries.var() - 1) < 0.15


def test_the_gaussian_is_drawn_within_its_bounds():
    for i in range(30):
        toy = toys.gaussian(8, i)
        assert 1 <= toy.matrix.shape[0] <= 4 and 0.05 <= toy.sigma_y <= 1
        assert torch.trace(toy.components.covariances[0]).item() == pytest.approx(16)
    assert toys.gaussian(8, 0, measured=5, sigma_y=0.3).y.shape == (1, 5)


@pytest.mark.parametrize("name", sorted(toys.TOYS))
def test_both_conditionings_agree(name):
    toy = toys.TOYS[name](6, 2)
    exact = toy.prior.posterior(toy.operator, toy.y, toy.sigma_y)
    other = Conditional(toy.components, toy.matrix, toy.y, toy.sigma_y)
    torch.testing.assert_close(exact.mean.flatten(1), other.mean)
    torch.testing.assert_close(exact.mode_probabilities, other.weights)


def test_impossible_sizes_are_refused():
    with pytest.raises(PosterityError, match="dim 5: the mixture's means are pairs"):
        toys.mixture(5, 0)
    with pytest.raises(PosterityError, match="measured 9: of 4 unknowns, 1 … 4"):
        toys.mixture(4, 0, measured=9)


def test_every_sampler_that_can_runs_on_it():
    """``clamp: false`` where there is one: these signals have no range."""
    toy, ran = toys.mixture(4, 0), []
    has = toy.operator.has | {"noise", "posterior"}
    for name in samplers.names():
        sampler = samplers.find(name)
        known = {f.name for f in dataclasses.fields(sampler)}
        if not sampler.needs <= has:
            continue
        given = {"clamp": False} if "clamp" in known else {}
        given |= {"steps": 12} if "steps" in known else {}
        y = toy.y.expand(3, -1)
        problem = Problem(toy.prior, toy.operator, y, toy.sigma_y, torch.zeros(3, dtype=torch.long))
        x = sampler(**given).sample(problem, rows(Streams, 3)).x
        assert x.shape == (3, 1, 1, 4) and x.isfinite().all(), name
        ran.append(name)
    assert {"dps", "ddrm", "ddnm", "pgdm", "diffpir", "reddiff", "mgps", "exact"} <= set(ran)
