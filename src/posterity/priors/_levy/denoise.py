"""E[x | y] for y = x + noise, and Cov(x | y) times a vector, each from its own chains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posterity.priors._levy.chains import BLOCK, Chains, Length, batches, with_error
from posterity.priors._levy.diagonal import Diagonal
from posterity.priors._levy.increments import Array, Increments

__all__ = ["posterior_covariance_times", "posterior_mean"]

Streams = Sequence[np.random.Generator]


def posterior_mean(
    increments: Increments, y: Array, sigma: float, streams: Streams, length: Length
) -> tuple[Array, NDArray[np.int64], int]:
    """Average E[x | q, y] until its standard error is below tolerance · σ in every coordinate.

    Arguments:
        y: measurements, (n, B).
        sigma: σ > 0.
        streams: one generator per row.

    Returns:
        mean (n, B), sweeps averaged per chain of each row (B,), total number of sweeps.
    """
    model = Diagonal(y, np.full(len(y), sigma**2))
    out, counts = np.empty_like(y), np.zeros(y.shape[1], dtype=np.int64)
    if increments.constant is not None:
        return model.smooth(np.full_like(y, increments.constant), y), counts, 0
    chains = Chains(increments, model, streams, length.chains)
    chains.skip(length.burn_in)
    kept: list[Array] = []
    left = np.arange(y.shape[1])
    for check in length.checks():
        more = chains.blocks(check - BLOCK * len(kept))
        kept += [chains.split(np.mean([sweep.mean for sweep in block], axis=0)) for block in more]
        mean, error = with_error(batches(np.stack(kept)))
        done = (error.max(0) <= length.tolerance * sigma) | (check == length.most)
        out[:, left[done]], counts[left[done]] = mean[:, done], check
        left = left[~done]
        if not len(left):
            break
        if done.any():
            chains.keep(~done)
            kept = [each[:, ~done] for each in kept]
    return out, counts, chains.made


def posterior_covariance_times(
    increments: Increments,
    y: Array,
    g: Array,
    sigma: float,
    streams: Streams,
    length: Length,
    counts: NDArray[np.int64],
) -> tuple[Array, int]:
    """Estimate Cov(x | y) g as the average of Cov(x | q, y) g plus the covariance of E[x | q, y] times g.

    Cov(x | q, y) g is the filter's output for σ²g in place of y, so no n × n matrix is formed.

    Arguments:
        g: vectors, (n, B).
        counts: sweeps per chain of each row, (B,), from ``posterior_mean``.

    Returns:
        products (n, B), total number of sweeps.
    """
    model = Diagonal(y, np.full(len(y), sigma**2))
    if increments.constant is not None:
        return model.smooth(np.full_like(y, increments.constant), sigma**2 * g), 0
    chains = Chains(increments, model, streams, length.chains)
    chains.skip(length.burn_in)
    out, left, done = np.empty_like(y), np.arange(y.shape[1]), 0
    within, first, second = (np.zeros_like(y) for _ in range(3))
    for check in np.unique(counts).tolist():
        y_wide, g_wide = (np.repeat(each[:, left], chains.count, axis=1) for each in (y, g))
        for block in chains.blocks(check - done):
            for sweep in block:
                deviation = sweep.mean - y_wide  # relative to y, so that large signals don't cancel
                along = (deviation * g_wide).sum(0)
                within[:, left] += chains.split(model.smooth(sweep.q, sigma**2 * g_wide)).sum(2)
                first[:, left] += chains.split(deviation).sum(2)
                second[:, left] += chains.split(deviation * along).sum(2)
        done = check
        total = check * chains.count
        ended = counts[left] == check
        rows = left[ended]
        mean = first[:, rows] / total
        between = (second[:, rows] - total * mean * (mean * g[:, rows]).sum(0)) / (total - 1)
        out[:, rows] = within[:, rows] / total + between
        left = left[~ended]
        if len(left):
            chains.keep(~ended)
    return out, chains.made
