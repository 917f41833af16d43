"""The distance of a pool to exact draws; between two sets of exact draws it is the sampling error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.imports import lean
from posterity.metrics.base import Pool, PoolMetric

__all__ = ["SlicedWasserstein", "sliced_wasserstein"]

Array = NDArray[np.floating[Any]]


class SlicedWasserstein(PoolMetric):
    """Sliced 2-Wasserstein distance to exact draws of the posterior."""

    needs = frozenset({"reference"})

    def value(self, pool: Pool) -> float | None:
        assert pool.reference is not None
        draws = pool.x[: pool.count].flatten(1).numpy()
        return sliced_wasserstein(draws, pool.reference.flatten(1).numpy(), pool.seed)


def sliced_wasserstein(a: Array, b: Array, seed: int = 0, directions: int = 1000) -> float:
    """Return the sliced 2-Wasserstein distance between two point clouds (N, d) and (M, d).

    Long vectors are first expressed exactly in the span of all points (at most N + M dimensions), and the result is
    rescaled to the value for d dimensions in expectation. That keeps random directions cheap.
    """
    with lean():
        import ot

    both = np.concatenate([a, b]).astype(float)
    d = both.shape[1]
    if d > len(both):
        both = np.linalg.qr(both.T).R.T
    scale = np.sqrt(both.shape[1] / d)
    x, y = both[: len(a)], both[len(a) :]
    return float(scale * ot.sliced_wasserstein_distance(x, y, n_projections=directions, seed=seed))
