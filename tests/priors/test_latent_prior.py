"""Posteriors through a decoder, against brute-force conditioning of the signals themselves."""

import math

import numpy as np
import pytest
import torch

from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.build import build, draw
from posterity.operators.composed import Composed
from posterity.operators.masks import Inpainting
from posterity.priors import _through
from posterity.priors.atoms import Atoms
from posterity.priors.autoencoders import Autoencoder
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.base import NoClosedForm
from posterity.priors.gaussian import Gaussian
from posterity.priors.kernel import Kernel
from posterity.priors.latent import Latent
from posterity.priors.mixture import Mixture
from posterity.samplers.base import Problem
from posterity.samplers.exact import Exact

SHAPE, SIGMA, ROWS = (3, 8, 8), 0.2, 3


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def pca():
    """States (2, 2, 2) of images whose mean is far from 0."""
    images = 0.5 + random(20, *SHAPE).cumsum(2).cumsum(3) / 20
    return PatchPCA.fit(images, 4, 2)


def components(name, states):
    """(weights, means (K, d), covariances (K, d, d)) of a prior of states, and the prior."""
    d = math.prod(states)
    factor = random(d, d, seed=1) / 3
    if name == "gaussian":
        covariance, mean = factor @ factor.T, random(*states, seed=2)
        return torch.ones(1).double(), mean.flatten()[None], covariance[None], Gaussian(mean, covariance)
    weights, means = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), random(3, *states, seed=3)
    if name == "mixture":
        covariances = torch.stack([(k + 1) * factor @ factor.T for k in range(3)])
        return weights, means.flatten(1), covariances, Mixture(weights, means, covariances)
    covariances = (0.3**2 * torch.eye(d).double()).expand(3, d, d)
    return weights, means.flatten(1), covariances, Kernel(means, weights, 0.3)


def operators():
    rng = torch.Generator().manual_seed(4)
    keep = (torch.rand(ROWS, 1, 8, 8, generator=rng) < torch.tensor([0.05, 0.3, 0.6]).view(3, 1, 1, 1)).double()
    made = {"masks": Inpainting(keep, SHAPE)}
    for name, task in {
        "blur": {"operator": "blur", "width": 1.0},
        "pool": {"operator": "pool", "factor": 4},
        "colorize": {"operator": "colorize"},
        "dense": {"operator": "dense", "measured": 5},
    }.items():
        task = {"sigma_y": SIGMA, **task}
        parameters = draw(task, SHAPE, np.random.default_rng(0))
        made[name] = build(task, SHAPE, parameters).to(torch.float64).rows(torch.zeros(ROWS).long())
    return made


OPERATORS = operators()


def conditioned(weights, means, covariances, pca, operator, y):
    """Weights, mean and evidence of the degenerate mixture of signals, row by row, over measured entries."""
    origin = pca.decode(torch.zeros(1, *pca.state_shape).double())
    d = means.shape[1]
    basis = (pca.decode(torch.eye(d).double().unflatten(1, pca.state_shape)) - origin).flatten(1).T
    found = []
    for row in range(len(y)):
        one = operator.rows(torch.tensor([row]))
        seen = one.where_measured(y[row : row + 1]).flatten() > 0
        unit = torch.eye(math.prod(SHAPE)).double().unflatten(1, SHAPE)
        matrix = torch.cat([one(e[None]).flatten(1) for e in unit]).T[seen]
        logits, centres = [], []
        for w, m, c in zip(weights, means, covariances, strict=True):
            mu, sigma = origin.flatten() + basis @ m, basis @ c @ basis.T
            evidence = matrix @ sigma @ matrix.T + SIGMA**2 * torch.eye(len(matrix)).double()
            left = y[row].flatten()[seen] - matrix @ mu
            law = torch.distributions.MultivariateNormal(torch.zeros(len(matrix)).double(), evidence)
            logits.append(w.log() + law.log_prob(left))
            centres.append(mu + sigma @ matrix.T @ torch.linalg.solve(evidence, left))
        logits = torch.stack(logits)
        found.append((logits.softmax(0), logits.softmax(0) @ torch.stack(centres), logits.logsumexp(0)))
    return tuple(torch.stack(each) for each in zip(*found, strict=True))


def measured(pca, operator, prior):
    x = pca.decode(prior.posterior(*whole(prior)).sample(Noise(0, ["a"] * ROWS, range(ROWS))))
    y = operator(x)
    return operator.where_measured(y) * (y + SIGMA * random(*y.shape, seed=5))


def whole(prior):
    """A measurement of states that says almost nothing."""
    task = {"operator": "denoise", "sigma_y": 100.0}
    operator = build(task, prior.signal_shape, draw(task, prior.signal_shape, np.random.default_rng(0)))
    return operator, torch.zeros(ROWS, *prior.signal_shape).double(), 100.0


CASES = [(p, o) for p in ("gaussian", "mixture", "kernel") for o in OPERATORS]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_posterior_is_that_of_the_signals(pca, name, task):
    weights, means, covariances, prior = components(name, pca.state_shape)
    operator = OPERATORS[task]
    y = measured(pca, operator, prior)
    chances, mean, evidence = conditioned(weights, means, covariances, pca, operator, y)
    found = Latent(prior, pca).posterior(operator, y, SIGMA)
    torch.testing.assert_close(found.mean.flatten(1), mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.mode_probabilities, chances, rtol=0, atol=1e-11)
    torch.testing.assert_close(found.log_evidence, evidence, rtol=0, atol=1e-10)


@pytest.mark.parametrize("task", ["masks", "blur"])
def test_forgetting_the_complement_or_the_centre_is_seen(pca, task, monkeypatch):
    weights, means, covariances, prior = components("gaussian", pca.state_shape)
    operator = OPERATORS[task]
    y = measured(pca, operator, prior)
    _, mean, evidence = conditioned(weights, means, covariances, pca, operator, y)
    latent = Latent(prior, pca)
    without = latent.posterior(operator, y, SIGMA).states.log_evidence
    assert (without - evidence).abs().min() > 0.1
    astray = PatchPCA(pca.matrix, 0 * pca.centre, pca.scale, SHAPE, 4)
    seen = _through.Compressed.of(operator, astray, y, SIGMA)
    wrong = pca.decode(prior.posterior(seen.operator, seen.y, SIGMA).mean)
    assert (wrong.flatten(1) - mean).abs().max() > 0.01


def test_draws_have_the_exact_moments(pca):
    _, _, _, prior = components("gaussian", pca.state_shape)
    operator, count = OPERATORS["pool"], 4000
    y = measured(pca, operator, prior)[:1].expand(count, -1, -1, -1)
    latent, many = Latent(prior, pca), operator.rows(torch.zeros(count).long())
    found = latent.posterior(many, y, SIGMA)
    x = found.sample(Noise(1, ["a"] * count, range(count)))
    z = pca.encode(x).flatten(1)
    torch.testing.assert_close(pca.decode(pca.encode(x)), x)
    deviation = z.std(0) / count**0.5
    assert ((z - found.states.mean.flatten(1)).mean(0).abs() < 4.5 * deviation).all()
    assert torch.equal(found.mode_of(x), torch.zeros(count).long())


def test_exact_restores_through_a_decoder(pca):
    _, _, _, prior = components("mixture", pca.state_shape)
    operator = OPERATORS["masks"]
    y, noise = measured(pca, operator, prior), Noise(2, ["a", "b", "c"], [0, 0, 0])
    done = Exact().sample(Problem(Latent(prior, pca), operator, y, SIGMA, torch.arange(ROWS)), noise)
    torch.testing.assert_close(done.x, Latent(prior, pca).posterior(operator, y, SIGMA).sample(noise))
    torch.testing.assert_close(done.x, pca.decode(done.state))
    assert done.cost.decodes == 1


def test_without_noise_the_measurement_is_kept(pca):
    _, _, _, prior = components("gaussian", pca.state_shape)
    operator = OPERATORS["pool"]
    y = operator(pca.decode(random(ROWS, *pca.state_shape, seed=6)))
    found = Latent(prior, pca).posterior(operator, y, 0.0)
    torch.testing.assert_close(operator(found.sample(Noise(0, ["a"] * ROWS, range(ROWS)))), y, rtol=0, atol=1e-8)
    assert found.log_evidence.isfinite().all()


class Warp(Autoencoder):
    """A smooth decoder that is not affine; its encoder is exact."""

    signal_shape, state_shape = (1, 2, 4), (1, 1, 2)

    def decode(self, z):
        a, b = z.flatten(1).unbind(1)
        return torch.stack([a, b, a.sin(), b.tanh(), a * b, a**2, (a + b).sin(), b**2], 1).unflatten(1, (1, 2, 4))

    def encode(self, x):
        return x.flatten(1)[:, :2].unflatten(1, (1, 1, 2))


def normal(x):
    return -(x / SIGMA).square() / 2 - math.log(SIGMA * math.sqrt(2 * math.pi))


def atoms():
    return Atoms(random(7, 1, 1, 2, seed=7), torch.arange(7.0), Schedule.linear())


@pytest.mark.parametrize("task", [{"operator": "denoise"}, {"operator": "hdr", "factor": 2}])
def test_points_have_exact_weights_through_every_decoder_and_operator(task):
    """Against Bayes' rule point by point: weights, the mean of decoded points (not the decoded mean), evidence."""
    prior, warp = atoms(), Warp()
    task = {"sigma_y": SIGMA, **task}
    operator = build(task, warp.signal_shape, draw(task, warp.signal_shape, np.random.default_rng(0)))
    operator = operator.to(torch.float64).rows(torch.zeros(2).long())
    signals = warp.decode(prior.points)
    y = operator(signals[[3, 5]]) + SIGMA * random(2, *warp.signal_shape, seed=8)
    away = (y[:, None] - operator.rows(torch.zeros(7).long())(signals)[None]).flatten(2)
    logits = prior.log_weights + normal(away).sum(2)
    found = Latent(prior, warp).posterior(operator, y, SIGMA)
    torch.testing.assert_close(found.mode_probabilities, logits.softmax(1), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.log_evidence, logits.logsumexp(1), rtol=0, atol=1e-10)
    torch.testing.assert_close(found.mean.flatten(1), logits.softmax(1) @ signals.flatten(1), rtol=0, atol=1e-12)
    states = Latent(prior, warp).posterior(Composed(operator, warp.decode, warp.state_shape), y, SIGMA)
    assert (warp.decode(states.mean) - found.mean).abs().max() > 1e-7  # a decoded mean is another number
    torch.testing.assert_close(states.mode_probabilities, found.mode_probabilities)
    noise = Noise(0, ["a", "b"], [0, 0])
    torch.testing.assert_close(warp.decode(states.sample(noise)), found.sample(noise))
    assert torch.equal(found.mode_of(signals[[2, 6]]), torch.tensor([2, 6]))


def test_points_see_the_mask_of_each_row():
    warp, prior = Warp(), atoms()
    keep = torch.tensor([[[[1.0, 1, 0, 0], [0, 0, 0, 1]]], [[[0.0, 0, 1, 0], [1, 0, 0, 0]]]]).double()
    operator = Inpainting(keep, warp.signal_shape)
    y = keep * random(2, *warp.signal_shape, seed=9)
    signals = warp.decode(prior.points)
    terms = normal(y[:, None] - signals[None]) * keep[:, None]
    logits = prior.log_weights + terms.flatten(2).sum(2)
    found = Latent(prior, warp).posterior(operator, y, SIGMA)
    torch.testing.assert_close(found.log_evidence, logits.logsumexp(1), rtol=0, atol=1e-10)


def test_points_are_denoised_as_a_mixture_of_no_width():
    prior = atoms()
    same = Mixture(prior.log_weights.exp(), prior.points, 0.0)
    for t in (0, 300, 999):
        level, x = prior.schedule.level(t), random(5, 1, 1, 2, seed=10)
        torch.testing.assert_close(prior.predict(x, level).x0, same.predict(x, level).x0, rtol=0, atol=1e-10)


def test_what_has_no_closed_form_says_why(pca):
    _, _, _, prior = components("gaussian", (1, 1, 2))
    y = torch.zeros(1, 1, 2, 4).double()
    task = {"operator": "denoise", "sigma_y": 0.1}
    operator = build(task, (1, 2, 4), draw(task, (1, 2, 4), np.random.default_rng(0)))
    with pytest.raises(NoClosedForm, match="the decoder of a Warp is not affine"):
        Latent(prior, Warp()).posterior(operator, y, 0.1)
    with pytest.raises(NoClosedForm, match="under noise alone"):
        Latent(atoms(), Warp()).posterior(operator, y, 0.0)
    _, _, _, prior = components("gaussian", pca.state_shape)
    task = {"operator": "hdr", "factor": 2, "sigma_y": 0.1}
    clipped = build(task, SHAPE, draw(task, SHAPE, np.random.default_rng(0)))
    with pytest.raises(NoClosedForm, match="is not linear"):
        Latent(prior, pca).posterior(clipped, torch.zeros(1, *SHAPE).double(), 0.1)


def test_a_prior_of_other_states_is_refused(pca):
    told = r"the prior is of states of shape \(1, 1, 2\), the autoencoder makes \(2, 2, 2\)"
    with pytest.raises(PosterityError, match=told):
        Latent(atoms(), pca)
