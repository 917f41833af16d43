"""Errors in the unit of the signal, over the entries that were not measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["mae", "pairs", "rmse"]


def mae(x: Tensor, truth: Tensor, missing: Tensor) -> list[float]:
    """Return the mean absolute error of each signal.

    Arguments:
        x: signals, (N, *signal).
        truth: (*signal).
        missing: true where an error counts, broadcastable to (*signal).
    """
    return _means((x.double() - truth.double()).abs(), missing)


def rmse(x: Tensor, truth: Tensor, missing: Tensor) -> list[float]:
    """Return the root of the mean square error of each signal; arguments as of :func:`mae`."""
    return [float(v**0.5) for v in _means((x.double() - truth.double()).square(), missing)]


def pairs(x: Tensor, missing: Tensor) -> NDArray[np.float64]:
    """Return the RMS difference of every two signals (N, *signal) over the entries ``missing``, (N, N)."""
    from torch import cdist

    flat = x.double()[:, missing.expand(x.shape[1:])]
    distances: NDArray[np.float64] = (cdist(flat, flat) / max(1, flat.shape[1]) ** 0.5).numpy()
    return distances


def _means(error: Tensor, missing: Tensor) -> list[float]:
    means: list[float] = error[:, missing.expand(error.shape[1:])].mean(1).tolist()
    return means
