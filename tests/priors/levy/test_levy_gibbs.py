"""The Gibbs samplers against closed forms, quadrature, and two identities that any correct sampler obeys."""

import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chi2, kstest, laplace, norm
from scipy.stats import t as student

from posterity.diffusion.noise import generator
from posterity.priors._levy.chains import Length
from posterity.priors._levy.dense import Dense
from posterity.priors._levy.diagonal import Diagonal
from posterity.priors._levy.estimate import estimate
from posterity.priors.levy import BernoulliLaplace, Gauss, Laplace, Student

SIGMA = 0.7
FIXED = Length(least=200, most=200, tolerance=1e-9, burn_in=40)


def streams(count, *key):
    return [generator(*key, row) for row in range(count)]


def z_scores(values, truth):
    """Of independent estimates (replicates, …)."""
    return (values.mean(0) - truth) / (values.std(0, ddof=1) / math.sqrt(len(values)) + 1e-12)


def models(y, sigma, columns):
    """Both linear models, of one and the same measurement y of x itself."""
    wide = np.repeat(y[:, None], columns, axis=1)
    return {
        "diagonal": Diagonal(wide, np.full(len(y), sigma**2)),
        "dense": Dense(np.eye(len(y)), wide, sigma),
    }


@pytest.mark.parametrize("model", ["diagonal", "dense"])
def test_two_increments_as_by_quadrature(law, model, quadrature):
    y, replicates = np.array([0.8, 1.5]), 64
    truth = quadrature(law, np.eye(2), y, SIGMA)
    found, _ = estimate(law, models(y, SIGMA, replicates)[model], streams(replicates, "q", model), FIXED)
    if isinstance(law, Gauss):
        np.testing.assert_allclose(found.mean - truth.mean, 0, atol=1e-6)
    else:
        assert np.abs(z_scores(found.mean, truth.mean)).max() < 4
        variance = np.einsum("bii->bi", found.covariance)
        for told in (
            (found.mean - truth.mean) / found.mean_error,
            (variance - np.diag(truth.covariance)) / found.variance_error,
        ):
            assert 0.7 < np.sqrt((told**2).mean()) < 1.4  # batch means tell the error as it is
    assert np.abs(z_scores(found.covariance, truth.covariance)).max() < 4
    np.testing.assert_allclose(found.mean.mean(0), truth.mean, atol=0.01)
    np.testing.assert_allclose(found.covariance.mean(0), truth.covariance, atol=0.01)
    np.testing.assert_allclose(found.zero.mean(0), truth.zero, atol=0.01)
    if isinstance(law, BernoulliLaplace):
        assert np.abs(z_scores(found.zero, truth.zero)).max() < 4
        assert 0.7 < np.sqrt((((found.zero - truth.zero) / found.zero_error) ** 2).mean()) < 1.4
    assert found.agreement.max() < 1.05


def test_one_number_of_two_increments_as_by_quadrature(law, quadrature):
    """A matrix that no sample-by-sample model covers, with a null space."""
    matrix, y, replicates = np.array([[1.0, -0.5]]), np.array([0.6]), 32
    if isinstance(law, Student):
        matrix, y = np.array([[1.0, 0.2], [0.3, 1.0]]), np.array([0.6, -0.4])  # else there is no mean
    truth = quadrature(law, matrix, y, SIGMA, reach=16.0)
    model = Dense(matrix, np.repeat(y[:, None], replicates, axis=1), SIGMA)
    found, _ = estimate(law, model, streams(replicates, "one"), FIXED)
    for values, right in ((found.mean, truth.mean), (found.covariance, truth.covariance), (found.zero, truth.zero)):
        assert np.abs(values.mean(0) - right).max() < 0.02 * max(1, np.abs(right).max())
        spread = values.std(0, ddof=1) / math.sqrt(replicates)
        assert (np.abs(values.mean(0) - right) <= 4 * spread + 1e-3).all()


class TwoDecisions(Dense):
    """The released reference sampler's step: switch on, then off again with the statistics of the old state."""

    def flip(self, present, w, log_odds, uniform):
        def probability(tau, beta, k):
            growth = 1 + w[k] * tau
            return expit(log_odds + (w[k] * beta**2 / growth - np.log(growth)) / 2)

        now = present.copy()
        second = generator("second", float(uniform[0, 0])).random(uniform.shape)
        for k in range(len(w)):
            gram, pull = self._marginal(now * w)
            tau, beta = gram[:, k, k], pull[:, k]
            now[k] |= uniform[k] < probability(tau, beta, k)
            rest = 1 - w[k] * tau
            may = now[k] & (rest > 0)
            safe = np.where(may, rest, 1.0)
            now[k] &= ~(may & (second[k] > probability(tau / safe, beta / safe, k)))
        return now.astype(float), now.astype(float)


def test_two_decisions_a_jump_are_found_out_by_quadrature(quadrature):
    law, y, replicates = BernoulliLaplace(0.3, 1.0), np.array([0.3, 0.2]), 24
    truth = quadrature(law, np.eye(2), y, SIGMA)
    wide = np.repeat(y[:, None], replicates, axis=1)
    worst = {}
    for kind in (Dense, TwoDecisions):
        found, _ = estimate(law, kind(np.eye(2), wide, SIGMA), streams(replicates, "two"), FIXED)
        worst[kind] = np.abs(z_scores(found.zero, truth.zero)).max()
    assert worst[Dense] < 4
    assert worst[TwoDecisions] > 6


def test_gauss_is_the_closed_form():
    n, sigma = 6, 0.4
    rng = generator("closed")
    matrix, y = rng.standard_normal((4, n)), rng.standard_normal(4)
    running = np.tril(np.ones((n, n)))
    prior = 0.25 * running @ running.T
    gain = prior @ matrix.T @ np.linalg.inv(matrix @ prior @ matrix.T + sigma**2 * np.eye(4))
    found, _ = estimate(Gauss(0.25), Dense(matrix, y[:, None], sigma), streams(1, "g"), FIXED)
    np.testing.assert_allclose(found.mean[0], gain @ y, atol=1e-10)
    np.testing.assert_allclose(found.covariance[0], prior - gain @ matrix @ prior, atol=1e-10)
    model = Dense(matrix, np.repeat(y[:, None], 40_000, axis=1), sigma)
    u = model.condition(np.full((n, 40_000), 0.25), rng.standard_normal((n, 40_000)))[1]
    np.testing.assert_allclose(np.cov(u.cumsum(0)), prior - gain @ matrix @ prior, atol=0.02)


@pytest.mark.parametrize("missing", [(), (0,), (2, 3), (5,)])
def test_filter_is_the_dense_conditioning(missing):
    n, columns, sigma = 6, 3, 0.3
    rng = generator("filter")
    q, y, z = rng.exponential(size=(n, columns)), rng.standard_normal((n, columns)), rng.standard_normal((n, columns))
    q[1, 0] = q[2, 0] = q[0, 1] = 0.0
    seen = np.setdiff1d(np.arange(n), missing)
    noise = np.full(n, np.inf)
    noise[seen] = sigma**2
    filtered, dense = Diagonal(y, noise), Dense(np.eye(n)[seen], y[seen], sigma)
    mean, u = filtered.condition(q, z)
    np.testing.assert_allclose(mean, dense.condition(q, z)[0], atol=1e-12)
    np.testing.assert_allclose(filtered.smooth(q, y), mean, atol=1e-12)
    np.testing.assert_allclose(filtered.covariance(q), dense.covariance(q), atol=1e-12)
    assert ((u == 0) == (q == 0)).all()
    each = np.repeat(np.arange(columns), 20_000)
    many = filtered.columns(each).condition(q[:, each], rng.standard_normal((n, len(each))))[1].cumsum(0)
    for c in range(columns):
        spread = np.sqrt(np.diag(dense.covariance(q)[..., c])) + 1e-9
        drawn = many[:, each == c]
        np.testing.assert_allclose((drawn.mean(1) - mean[:, c]) / spread, 0, atol=0.04)
        scaled = (np.cov(drawn) - dense.covariance(q)[..., c]) / np.outer(spread, spread)
        np.testing.assert_allclose(scaled, 0, atol=0.05)


def test_decisions_are_the_same_in_both_models():
    n, columns, sigma = 7, 50, 0.3
    rng = generator("decisions")
    y, w, uniform = rng.standard_normal((n, columns)), rng.exponential(size=(n, columns)), rng.random((n, columns))
    present = rng.random((n, columns)) < 0.4
    noise = np.full(n, sigma**2)
    noise[2] = np.inf
    seen = np.isfinite(noise)
    filtered = Diagonal(y, noise).flip(present, w, -0.5, uniform)
    dense = Dense(np.eye(n)[seen], y[seen], sigma).flip(present, w, -0.5, uniform)
    np.testing.assert_allclose(filtered[1], dense[1], atol=1e-9)
    assert (filtered[0] == dense[0]).all()


def test_extreme_variances_lose_nothing():
    """Twenty-four orders of magnitude between neighbouring increments."""
    q = np.array([1e12, 1e-12, 1e12, 1e-12])[:, None]
    y = np.array([1e6, 1e6 + 2, -3e6, -3e6 + 2])[:, None]
    mean = Diagonal(y, np.ones(4)).smooth(q, y)[:, 0]
    np.testing.assert_allclose(mean, [1e6 + 1, 1e6 + 1, -3e6 + 1, -3e6 + 1], atol=1e-4)
    covariance = Diagonal(y, np.ones(4)).covariance(q)[..., 0]
    np.testing.assert_allclose(covariance[:2, :2], 0.5, atol=1e-6)
    np.testing.assert_allclose(Dense(np.eye(4), y, 1.0).covariance(q)[:2, :2, 0], 0.5, atol=1e-3)


CDFS = {
    Gauss: lambda law: norm(scale=math.sqrt(law.variance)).cdf,
    Laplace: lambda law: laplace(scale=law.b).cdf,
    Student: lambda law: student(law.nu, scale=law.scale).cdf,
    BernoulliLaplace: lambda law: laplace(scale=law.b).cdf,
}


@pytest.mark.parametrize("model", ["diagonal", "dense"])
def test_geweke_measuring_and_restoring_in_turns_keeps_the_prior(law, model):
    n, columns, turns, sigma = 3, 6000, 12, 0.8
    rng = generator("geweke", model)
    matrix = np.eye(n) if model == "diagonal" else np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.7]])
    u = law.draw(rng, (n, columns))
    for _ in range(turns):
        y = matrix @ u.cumsum(0) + sigma * rng.standard_normal((len(matrix), columns))
        now = Diagonal(y, np.full(n, sigma**2)) if model == "diagonal" else Dense(matrix, y, sigma)
        q, _ = law.variances(u, law.randomness(rng, u.shape), now)
        u = now.condition(q, rng.standard_normal(u.shape))[1]
    for each in u:
        if isinstance(law, BernoulliLaplace):
            share = (each != 0).mean()
            assert abs(share - law.p) < 4 * math.sqrt(law.p * (1 - law.p) / columns)
            each = each[each != 0]
        assert kstest(each, CDFS[type(law)](law)).pvalue > 1e-4
    signs = np.sign(u)
    dependence = np.array([(signs[0] * signs[1]).mean(), (signs[1] * signs[2]).mean()])
    assert np.abs(dependence).max() < 4 / math.sqrt(columns)


@pytest.mark.parametrize("model", ["diagonal", "dense"])
def test_ranks_of_the_truth_among_draws_are_uniform(law, model):
    """SBC with 19 draws of 400 chains, 20 ranks in 10 bins; ties, where jumps are exactly 0, broken at random."""
    n, replicates, draws, sigma = 6, 400, 19, 0.5
    rng = generator("sbc", model)
    truth = law.draw(rng, (n, replicates))
    matrix = np.eye(n) if model == "diagonal" else rng.standard_normal((4, n))
    y = matrix @ truth.cumsum(0) + sigma * rng.standard_normal((len(matrix), replicates))
    each = np.repeat(np.arange(replicates), draws)  # one chain a draw
    now = Diagonal(y, np.full(n, sigma**2)) if model == "diagonal" else Dense(matrix, y, sigma)
    now = now.columns(each)
    u = now.condition(law.start(rng, (n, len(each))), rng.standard_normal((n, len(each))))[1]
    for _ in range(40):
        q, _ = law.variances(u, law.randomness(rng, u.shape), now)
        u = now.condition(q, rng.standard_normal(u.shape))[1]

    def features(u, y):
        x = u.cumsum(0)
        return np.stack([x[0], x[-1], np.abs(u).sum(0), ((y - matrix @ x) ** 2).sum(0), np.abs(u[2])])

    drawn, right = features(u, y[:, each]).reshape(5, replicates, draws), features(truth, y)[..., None]
    below, equal = (drawn < right).sum(2), (drawn == right).sum(2)
    ranks = below + np.floor(rng.random(equal.shape) * (equal + 1)).astype(int)
    for feature in ranks:
        counts = np.bincount(feature * 10 // (draws + 1), minlength=10)
        statistic = ((counts - replicates / 10) ** 2 / (replicates / 10)).sum()
        assert statistic < chi2(9).ppf(1 - 1e-4)
