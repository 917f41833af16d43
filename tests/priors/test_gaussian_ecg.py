"""Closed forms on (leads, time): the stationary Gaussian against dense conditioning, and the dense Gaussian."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from posterity.errors import PosterityError
from posterity.operators.build import build, draw
from posterity.priors.gaussian import Gaussian
from posterity.priors.stationary import StationaryGaussian

SHAPE, SIGMA = (8, 12), 0.05


def known(count=400, shape=SHAPE):
    """Coloured noise in coupled leads, (count, leads, time)."""
    rng = torch.Generator().manual_seed(0)
    white = torch.randn(count, *shape, generator=rng, dtype=torch.float64)
    smooth = white + white.roll(1, -1) + 0.5 * white.roll(2, -1)
    mix = torch.randn(shape[0], shape[0], generator=rng, dtype=torch.float64)
    return 0.1 * torch.einsum("mn,bnt->bmt", mix, smooth) + 0.2


def measured(prior, task):
    own = draw({"operator": "inpaint", **task}, SHAPE, np.random.default_rng(0))
    operator = build({"operator": "inpaint", **task}, SHAPE, own)
    x = known(3)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = operator(x) + SIGMA * operator.where_measured(x) * noise
    return operator, y, prior.posterior(operator, y, SIGMA)


def dense(prior, operator, y):
    """(mean, log evidence) by conditioning the whole covariance on the measured entries."""
    d = math.prod(SHAPE)
    columns = prior.filter(torch.eye(d, dtype=torch.float64).reshape(d, *SHAPE), prior.eigen[0]).reshape(d, d)
    seen = operator.where_measured(y)[0].flatten() > 0
    mean = prior.mean.flatten()
    inner = columns[seen][:, seen] + SIGMA**2 * torch.eye(int(seen.sum()), dtype=torch.float64)
    rest = y.flatten(1)[:, seen] - mean[seen]
    moved = (mean + torch.linalg.solve(inner, rest.T).T @ columns[seen]).reshape(-1, *SHAPE)
    law = torch.distributions.MultivariateNormal(mean[seen], inner)
    return moved, law.log_prob(y.flatten(1)[:, seen])


@pytest.mark.parametrize("task", [{"observed_leads": ["I"]}, {"observed_leads": ["II", "V2", "V6"]}])
def test_missing_leads_in_closed_form(task):
    prior = StationaryGaussian.estimate(known())
    operator, y, exact = measured(prior, task)
    mean, evidence = dense(prior, operator, y)
    torch.testing.assert_close(exact.mean, mean, rtol=0, atol=1e-8)
    torch.testing.assert_close(exact.log_evidence, evidence, rtol=0, atol=1e-8)


@pytest.mark.parametrize("task", [{"missing_block": "second"}, {"missing_block_per_lead": 0.5}])
def test_a_missing_block_by_conjugate_gradients(task):
    prior = StationaryGaussian.estimate(known())
    operator, y, exact = measured(prior, task)
    torch.testing.assert_close(exact.mean, dense(prior, operator, y)[0], rtol=0, atol=1e-8)


def test_the_same_signal_as_a_picture_of_one_row():
    """(8, T) and (8, 1, T) are one problem."""
    x = known()
    line, row = StationaryGaussian.estimate(x), StationaryGaussian.estimate(x[:, :, None])
    level = line.schedule.level(300)
    torch.testing.assert_close(line.predict(x[:4], level).x0[:, :, None], row.predict(x[:4, :, None], level).x0)


def test_the_dense_gaussian_has_the_moments_of_its_signals():
    x = known()
    prior = Gaussian.estimate(x)
    torch.testing.assert_close(prior.mean, x.mean(0))
    torch.testing.assert_close(prior.covariance, torch.cov(x.flatten(1).T, correction=0))
    operator, y, exact = measured(prior, {"observed_leads": ["I"]})
    seen = operator.where_measured(y)[0].flatten() > 0
    inner = prior.covariance[seen][:, seen] + SIGMA**2 * torch.eye(int(seen.sum()), dtype=torch.float64)
    rest = (y - prior.mean).flatten(1)[:, seen]
    wanted = prior.mean.flatten() + torch.linalg.solve(inner, rest.T).T @ prior.covariance[seen]
    torch.testing.assert_close(exact.mean.flatten(1), wanted, rtol=0, atol=1e-8)


def test_a_dense_covariance_of_whole_records_is_refused():
    with pytest.raises(PosterityError, match="signals of 7680 entries is too large; at most 4096"):
        Gaussian.estimate(torch.zeros(2, 8, 960))


def stretches():
    """Parts of longer signals, whose ends do not meet."""
    return known(4000, (8, 3 * SHAPE[1]))[:, :, : SHAPE[1]]


def test_a_toeplitz_covariance_depends_on_the_lag_and_does_not_join_the_ends():
    """Against means over all pairs of samples with a lag, channel by channel."""
    x = stretches()
    prior = Gaussian.toeplitz(x)
    centred = x - x.mean((0, 2))[:, None]
    covariance = prior.covariance.unflatten(0, SHAPE).unflatten(2, SHAPE)
    values = torch.linalg.eigvalsh(prior.covariance)
    assert float(values[0]) > -1e-12 * float(values[-1])
    time = SHAPE[1]
    for lag in (0, 1, 2, time - 1):
        wanted = torch.einsum("bct,bdt->cd", centred[:, :, lag:], centred[:, :, : time - lag]) / (len(x) * (time - lag))
        for start in (0, time - 1 - lag):
            torch.testing.assert_close(covariance[:, start + lag, :, start], wanted, rtol=0, atol=1e-12)
    joined = StationaryGaussian.estimate(x)
    unit = torch.zeros(1, *SHAPE, dtype=torch.float64)
    unit[0, 0, 0] = 1
    near = joined.filter(unit, joined.eigen[0])[0, 0]
    assert float(near[-1] / near[0]) > 0.3  # of neighbours
    assert abs(float(covariance[0, -1, 0, 0] / covariance[0, 0, 0, 0])) < 0.1


@pytest.mark.parametrize("half", ["first", "second"])
def test_a_missing_block_at_an_end_under_a_toeplitz_covariance(half):
    """Equal to dense conditioning; far from what is measured the noise, of memory 2, says nothing."""
    x = stretches()
    prior = Gaussian.toeplitz(x)
    operator, y, exact = measured(prior, {"missing_block": half})
    seen = operator.where_measured(y)[0].flatten() > 0
    inner = prior.covariance[seen][:, seen] + SIGMA**2 * torch.eye(int(seen.sum()), dtype=torch.float64)
    rest = (y - prior.mean).flatten(1)[:, seen]
    wanted = prior.mean.flatten() + torch.linalg.solve(inner, rest.T).T @ prior.covariance[seen]
    torch.testing.assert_close(exact.mean.flatten(1), wanted, rtol=0, atol=1e-8)
    law = torch.distributions.MultivariateNormal(prior.mean.flatten()[seen], inner)
    torch.testing.assert_close(exact.log_evidence, law.log_prob(y.flatten(1)[:, seen]), rtol=0, atol=1e-8)
    end, beside = (0, SHAPE[1] // 2 - 1) if half == "first" else (-1, SHAPE[1] // 2)
    moved = (exact.mean - prior.mean).abs().mean((0, 1))
    joined = StationaryGaussian.estimate(x)
    periodic = (joined.posterior(operator, y, SIGMA).mean - joined.mean).abs().mean((0, 1))
    assert moved[end] < 0.25 * moved[beside] and periodic[end] > 0.5 * periodic[beside]


def test_a_toeplitz_covariance_is_of_signals_in_time():
    with pytest.raises(
        PosterityError, match=r"toeplitz is for signals \(channels, time\); these have shape \(3, 8, 8\)"
    ):
        Gaussian.toeplitz(torch.zeros(2, 3, 8, 8))
    with pytest.raises(PosterityError, match="signals of 7680 entries is too large; at most 4096"):
        Gaussian.toeplitz(torch.zeros(2, 8, 960))
