"""Latent priors: DPS through a decoder is DPS in the basis of the latent, as close to the exact posterior."""

from dataclasses import replace

import pytest
import torch

from posterity import samplers
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.composed import Composed
from posterity.operators.dense import Dense
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Denoising
from posterity.priors.autoencoders.affine import Orthonormal
from posterity.priors.gaussian import Gaussian
from posterity.priors.latent import Latent
from posterity.priors.mixture import Mixture
from posterity.samplers.base import Problem
from posterity.samplers.dps import DPS
from posterity.samplers.vipaint import VIPaint

SIGNAL, STATE = (3, 4, 4), (1, 1, 6)
SIGMA = 0.2


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def decoder():
    return Orthonormal(torch.linalg.qr(random(48, 6))[0], SIGNAL, STATE)


@pytest.fixture
def operator():
    """A mask over half of the pixels, which has everything that an operator can have."""
    keep = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    keep[..., 2:] = 0
    return Inpainting(keep, SIGNAL)


def priors():
    covariance = torch.diag(torch.tensor([0.3, 0.25, 0.2, 0.15, 0.1, 0.05], dtype=torch.float64))
    means = random(3, *STATE, seed=1)
    return {
        "gaussian": Gaussian(0.2 * means[0], covariance),
        "mixture": Mixture(torch.tensor([0.5, 0.3, 0.2]), 0.8 * means, 0.2 * covariance),
    }


def pair(name, decoder, operator, rows):
    """The latent problem and the same problem in the basis of the latent, with a dense matrix A·Q."""
    prior = priors()[name]
    y = operator(decoder.decode(prior.means[:1].unflatten(1, STATE))) + SIGMA * operator(random(1, *SIGNAL, seed=2))
    y = y.expand(rows, *SIGNAL)
    basis = torch.eye(6, dtype=torch.float64).unflatten(1, STATE)
    matrix = operator(decoder.decode(basis)).flatten(1).T
    seen = operator.where_measured(y)[0].flatten() > 0
    pixel = Problem(prior, Dense(matrix[seen][None], STATE), y.flatten(1)[:, seen], SIGMA, torch.arange(rows))
    return Problem(Latent(prior, decoder), operator, y, SIGMA, torch.arange(rows)), pixel


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
@pytest.mark.parametrize("method", ["dps", "mgps"])
def test_through_an_orthonormal_decoder_it_is_the_same_in_the_basis_of_the_latent(decoder, operator, name, method):
    latent, pixel = pair(name, decoder, operator, 3)
    noise, kind = Noise(0, ["a"] * 3, range(3)), samplers.find(method)
    sampler = kind(**kind.quick, **({"clamp": False} if method == "dps" else {}))
    found, same = sampler.sample(latent, noise), sampler.sample(pixel, noise)
    torch.testing.assert_close(found.state, same.x, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.x, decoder.decode(same.x), rtol=0, atol=1e-10)
    assert same.state is None


def one_item(problem):
    """The same problem, whose rows are samples of one measurement."""
    return replace(problem, items=torch.zeros_like(problem.items))


FIT = {"levels": (550, 400), "draws": 10, "steps": 20, "scale": 0.1, "clamp": False}


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_a_fit_through_it_is_the_same_in_the_basis_of_the_latent(decoder, name):
    """VIPaint begins at the encoded pseudo-inverse of y: the same in both where every pixel is measured."""
    latent, pixel = map(one_item, pair(name, decoder, Denoising(SIGNAL), 3))
    sampler, noise = VIPaint(iterations=20, **FIT), Noise(0, ["a"] * 3, range(3))
    found, same = sampler.sample(latent, noise), sampler.sample(pixel, noise)
    torch.testing.assert_close(found.state, same.x, rtol=0, atol=1e-10)
    # 20 fits of 10 draws with one decode each, 19 pulls of 3 rows, and 3 results
    assert (found.cost.decode_rows, found.cost.encode_rows) == (20 * 10 + 19 * 3 + 3, 1)
    assert found.cost.forward_rows == same.cost.forward_rows

    class Shrinking(Orthonormal):
        def encode(self, x):
            return 0.9 * super().encode(x)

    wrong = replace(latent, prior=Latent(priors()[name], Shrinking(decoder.matrix, SIGNAL, STATE)))
    assert (sampler.sample(wrong, noise).state - same.x).abs().max() > 1e-3, "an encoder that errs is seen"


def test_a_fit_through_it_forgets_where_it_began_and_follows_the_exact_posterior(decoder, operator):
    """Behind a mask the two begin apart. Means and variances in exact ones; one fit is off by about .15."""
    rows = 400
    latent, pixel = map(one_item, pair("gaussian", decoder, operator, rows))
    noise, exact = Noise(0, ["a"] * rows, range(rows)), pixel.prior.posterior(pixel.operator, pixel.y, SIGMA)
    total = exact.sample(Noise(9, ["a"] * rows, range(rows))).flatten(1).var(0).sum()

    def off(mean, other):
        return float(((mean - other).square().sum() / total).sqrt())

    def moments(**changes):
        rates = {"variance_rate": 0.1, "gate_rate": 0.1, "decay": 0.7}
        sampler = VIPaint(**FIT | {"iterations": 100, "draws": 32, "steps": 50} | rates | changes)
        drawn = sampler.sample(latent, noise).state.flatten(1), sampler.sample(pixel, noise).x.flatten(1)
        return [(one.mean(0), float(one.var(0).sum() / total)) for one in drawn]

    (mean, spread), (same_mean, same_spread) = moments()
    assert off(mean, same_mean) < 0.02 and abs(spread - same_spread) < 0.02
    assert off(mean, exact.mean[0].flatten()) < 0.25 and spread == pytest.approx(1, abs=0.15)
    (mean, _), (same_mean, _) = moments(iterations=0)
    assert off(mean, same_mean) > 0.05, "without a fit they are where they began"


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_it_follows_the_exact_posterior_as_closely(decoder, operator, name):
    """Errors of mean and variances, in exact ones, of independent draws of both: alike within sampling error."""
    rows = 600
    latent, pixel = pair(name, decoder, operator, rows)
    exact = pixel.prior.posterior(pixel.operator, pixel.y, SIGMA)
    truth = exact.sample(Noise(9, ["a"] * rows, range(rows))).flatten(1)
    errors = []
    for seed, problem in ((0, latent), (1, pixel)):
        done = DPS(steps=100, scale=0.5, clamp=False).sample(problem, Noise(seed, ["a"] * rows, range(rows)))
        z = (done.x if done.state is None else decoder.encode(done.x)).flatten(1)
        off = (z.mean(0) - exact.mean[0].flatten()).square().sum() / truth.var(0).sum()
        errors.append((float(off.sqrt()), float(z.var(0).sum() / truth.var(0).sum())))
    (mean, spread), (same_mean, same_spread) = errors
    assert mean == pytest.approx(same_mean, abs=4 * (2 / rows) ** 0.5)
    assert spread == pytest.approx(same_spread, rel=4 * (2 * 2 / rows) ** 0.5)


def test_decodes_are_counted_where_they_happen(decoder, operator):
    latent, _ = pair("gaussian", decoder, operator, 4)
    cost = DPS(steps=20, clamp=False).sample(latent, Noise(0, ["a"] * 4, range(4))).cost
    assert (cost.forwards, cost.backwards, cost.decodes, cost.encodes) == (20, 20, 21, 0)


@pytest.mark.parametrize("method", ["ddrm", "ddnm", "pgdm", "diffpir", "ilvr", "repaint", "replacement"])
def test_what_needs_more_than_a_gradient_refuses_in_one_line(decoder, operator, method):
    latent, _ = pair("gaussian", decoder, operator, 2)
    with pytest.raises(PosterityError, match=rf"^sampler {method}: needs .*, which Inpainting after a decoder lacks$"):
        samplers.find(method)().sample(latent, Noise(0, ["a"] * 2, range(2)))


def test_states_are_not_clipped_and_signals_are_decoded(decoder, operator):
    prior = Latent(Gaussian(torch.full(STATE, 5.0), 1e-6 * torch.eye(6)), decoder)
    problem = Problem(prior, operator, torch.zeros(1, *SIGNAL).double(), SIGMA, torch.zeros(1).long())
    done = DPS(steps=20, scale=0.0).sample(problem, Noise(0, ["a"], [0]))
    assert (done.state - 5).abs().max() < 0.1 and done.x.shape == (1, *SIGNAL)
    torch.testing.assert_close(prior.encode(done.x), done.state)


def test_an_operator_after_a_decoder_is_differentiable_and_batched(decoder, operator):
    composed = Composed(operator, decoder.decode, STATE)
    z = random(3, *STATE, seed=4).requires_grad_()
    w = random(3, *SIGNAL, seed=5)
    (gradient,) = torch.autograd.grad((composed(z) * w).sum(), z)
    torch.testing.assert_close(gradient, decoder.encode(operator.adjoint(w)))
    assert composed.has == frozenset() and float(composed.unknowns) == 6
    torch.testing.assert_close(composed.rows(torch.tensor([0, 0]))(z[:2]), composed(z)[:2])
