"""Estimates from Gibbs chains: Rao-Blackwellised moments, their standard errors, and convergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.priors._levy.chains import BLOCK, Chains, Length, Sweep, batches, with_error
from posterity.priors._levy.dense import Dense
from posterity.priors._levy.diagonal import Diagonal
from posterity.priors._levy.increments import Array, Increments

__all__ = ["AGREEMENT", "Estimate", "estimate"]

AGREEMENT = 1.01
"""Largest split R̂ at which chains count as converged."""
_TOGETHER = 32
"""Rows whose traces are held in memory at once."""


@dataclass(frozen=True)
class Estimate:
    """Estimates for B rows, each of n coordinates.

    Arguments:
        mean: average of E[x | q, y], (B, n).
        mean_error: its standard error by batch means, (B, n).
        covariance: average of Cov(x | q, y) plus the covariance of E[x | q, y], (B, n, n).
        variance_error: standard error of its diagonal, (B, n).
        zero: P(u_k = 0 | y), the average of the indicators' conditional probabilities, (B, n); 0 without exact zeros.
        zero_error: its standard error, (B, n).
        agreement: largest split R̂ over coordinates, Σ|u| and the log density, (B,); 1 is perfect.
        autocorrelation: integrated autocorrelation time of x_k in sweeps, (B, n).
        gain: factor by which averaging E[x | q, y] instead of x reduces the variance of the mean, (B, n).
        sweeps: sweeps of each chain of a row after burn-in, (B,).
    """

    mean: Array
    mean_error: Array
    covariance: Array
    variance_error: Array
    zero: Array
    zero_error: Array
    agreement: Array
    autocorrelation: Array
    gain: Array
    sweeps: Array

    def rows(self, index: Any) -> Estimate:
        """Return the estimates of rows ``index`` (which may repeat)."""
        return Estimate(*(each[index] for each in vars(self).values()))


def estimate(
    increments: Increments, model: Diagonal | Dense, streams: Sequence[np.random.Generator], length: Length
) -> tuple[Estimate, int]:
    """Run until the error is below tolerance · posterior sd in every coordinate and the chains agree.

    Arguments:
        model: linear model with B columns.
        streams: one generator per row.
        length: length of the chains; its tolerance is in posterior standard deviations.

    Returns:
        the estimate, total number of sweeps.
    """
    parts, made = [], 0
    for first in range(0, len(streams), _TOGETHER):
        some = streams[first : first + _TOGETHER]
        chains = Chains(increments, model.columns(np.arange(first, first + len(some))), some, length.chains)
        parts += _run(chains, length)
        made += chains.made
    joined = (np.stack(values) for values in zip(*(vars(part).values() for part in parts), strict=True))
    return Estimate(*joined), made


class _Traces:
    """Block averages of every quantity with an error, and sums of second moments, for the rows still running."""

    def __init__(self, chains: Chains) -> None:
        self.chains = chains
        self.centre = chains.x.mean(2)
        self.blocks: list[Array] = []
        n = len(self.centre)
        self.within, self.outer = np.zeros((n, n, len(chains))), np.zeros((n, n, len(chains)))

    def extend(self, sweeps: int) -> None:
        centre = np.repeat(self.centre, self.chains.count, axis=1)
        for block in self.chains.blocks(sweeps):
            # Cov(x | q, y) varies little between sweeps and costs as much as a sweep.
            within = self.chains.model.covariance(block[-1].q)
            features = np.mean([self._features(sweep, centre) for sweep in block], axis=0)
            features[: len(centre)] += np.einsum("iin->in", within)
            self.blocks.append(self.chains.split(features))
            self.within += self.chains.split(within).sum(3)
            for sweep in block:
                d = self.chains.split(sweep.mean - centre)
                self.outer += np.einsum("ibc,jbc->ijb", d, d)

    def _features(self, sweep: Sweep, centre: Array) -> Array:
        """Return (5n + 4, N): E[x | q, y]² and itself, P(u = 0); x, Σ|u|, log-density, and their squares."""
        scalars = np.stack([np.abs(sweep.u).sum(0), self.chains.increments.log_density(sweep.u).sum(0)])
        traced = np.concatenate([sweep.u.cumsum(0) - centre, scalars])
        zero = np.zeros_like(centre) if sweep.present is None else 1 - sweep.present
        mean = sweep.mean - centre
        return np.concatenate([mean**2, mean, zero, traced, traced**2])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        self.chains.keep(rows)
        self.centre, self.within, self.outer = (each[..., rows] for each in (self.centre, self.within, self.outer))
        self.blocks = [each[:, rows] for each in self.blocks]

    def result(self) -> Estimate:
        n, sweeps = len(self.centre), BLOCK * len(self.blocks)
        blocks, total = np.stack(self.blocks), BLOCK * len(self.blocks) * self.chains.count
        second, first, zero, x = (slice(k * n, (k + 1) * n) for k in range(4))
        traced, squares = slice(3 * n, 4 * n + 2), slice(4 * n + 2, None)
        each = batches(blocks)
        mean, error = with_error(each)
        shift = mean[first]
        between = (self.outer - total * shift[:, None] * shift[None]) / (total - 1)
        covariance = self.within * BLOCK / total + between
        spread = mean[squares][:n] - mean[x] ** 2
        plain = error[x] ** 2
        ratio = np.divide(plain, error[first] ** 2, out=np.full_like(plain, np.inf), where=error[first] > 0)
        return Estimate(
            mean=(self.centre + shift).T,
            mean_error=error[first].T,
            covariance=covariance.transpose(2, 0, 1),
            # Var = E[V + d²] - E[d]², to first order in the errors of both averages
            variance_error=with_error(each[second] - 2 * shift[..., None] * each[first])[1].T,
            zero=mean[zero].T,
            zero_error=error[zero].T,
            agreement=_split_rhat(blocks[:, traced], blocks[:, squares]).max(0),
            autocorrelation=(total * plain / np.maximum(spread, np.finfo(float).tiny)).T,
            gain=ratio.T,
            sweeps=np.full(len(self.chains), sweeps),
        )


def _run(chains: Chains, length: Length) -> list[Estimate]:
    """Return one estimate per row."""
    chains.skip(length.burn_in)
    traces, left, done = _Traces(chains), np.arange(len(chains)), 0
    out: dict[int, Estimate] = {}
    for check in length.checks():
        traces.extend(check - done)
        done = check
        result = traces.result()
        spread = np.sqrt(np.einsum("bii->bi", result.covariance))
        fine = (result.mean_error <= length.tolerance * spread).all(1) & (result.agreement < AGREEMENT)
        fine |= check == length.most
        out |= {int(left[b]): result.rows(b) for b in np.flatnonzero(fine)}
        left = left[~fine]
        if not len(left):
            break
        if fine.any():
            traces.keep(~fine)
    return [out[row] for row in sorted(out)]


def _split_rhat(means: Array, squares: Array) -> Array:
    """Return Gelman and Rubin's split R̂, (F, B), from block averages (blocks, F, B, chains)."""
    half = len(means) // 2
    size = BLOCK * half
    halves = [(m.mean(0), s.mean(0)) for m, s in ((means[:half], squares[:half]), (means[-half:], squares[-half:]))]
    centre = np.concatenate([m for m, _ in halves], axis=-1)
    second = np.concatenate([s for _, s in halves], axis=-1)
    within = ((second - centre**2) * size / (size - 1)).mean(-1)
    between = centre.var(-1, ddof=1)
    varied = within > 1e-12 * np.maximum(second.mean(-1), np.finfo(float).tiny)
    ratio = np.divide(between, within, out=np.zeros_like(within), where=varied)
    return np.sqrt((size - 1) / size + ratio)
