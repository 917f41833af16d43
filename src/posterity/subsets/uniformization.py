"""Draws with weights r_k^d that undo the pool's density, where r_k is the distance to the k-th neighbour."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from posterity.subsets._base import Array, Rule, check, settings

__all__ = ["Uniformization"]


@settings
class Uniformization(Rule):
    """Inverse-density sampling without the sparsest part of the pool.

    Arguments:
        keep_fraction: share of the pool that is kept, densest first.
        neighbour: k.
        dimension: d, the dimension of the features behind the distances.
        include_self: count the sample itself as its first neighbour, as the published code does.
    """

    keep_fraction: float = Field(1.0, gt=0, le=1)
    neighbour: int = Field(6, ge=1)
    dimension: int = Field(25, ge=1)
    include_self: bool = True

    def log_weights(self, distances: Array) -> Array:
        """Return log weights (N,) up to a constant, from distances (N, N); −∞ for excluded samples.

        r^25 spans hundreds of decades, hence logs. Coinciding samples get the smallest positive float.
        """
        n = len(distances)
        rank = min(self.neighbour - 1 if self.include_self else self.neighbour, n - 1)
        # make sure that the zero distance to itself sorts first
        radius = np.sort(distances - np.diag(np.full(n, np.inf)), axis=1)[:, rank] if rank else np.zeros(n)
        log_w = self.dimension * np.log(np.maximum(radius, np.finfo(float).tiny))
        dropped = int((1 - self.keep_fraction) * n + 1e-9)
        if dropped:
            log_w[np.argsort(radius, kind="stable")[n - dropped :]] = -np.inf
        return log_w

    def choose(self, data: Array, count: int, rng: np.random.Generator) -> list[int]:
        """Return ``count`` indices, from distances (N, N), drawn without replacement by the Gumbel top-k trick."""
        check(len(data), count)
        log_w = self.log_weights(np.asarray(data, dtype=float))
        if np.isfinite(log_w).sum() < count:
            kept = int(np.isfinite(log_w).sum())
            raise ValueError(f"keep_fraction {self.keep_fraction} leaves {kept} samples, fewer than the count {count}")
        return [int(i) for i in np.argsort(-(log_w + rng.gumbel(size=len(log_w))), kind="stable")[:count]]
