"""Farthest-point sampling: each choice is the sample farthest from those chosen before."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from posterity.subsets._base import Array, Rule, check, settings

__all__ = ["FPS"]


@settings
class FPS(Rule):
    """Greedy covering of the first ``first`` samples of the pool (default all), from a random start."""

    first: int | None = Field(None, ge=1)

    def choose(self, data: Array, count: int, rng: np.random.Generator) -> list[int]:
        """Return ``count`` indices, from distances (N, N)."""
        size = min(self.first or len(data), len(data))
        check(size, count)
        near = np.asarray(data, dtype=float)[:size, :size]
        chosen = [int(rng.integers(size))]
        gap = near[chosen[0]].copy()
        gap[chosen[0]] = -1.0  # excludes chosen samples even if all distances are 0
        while len(chosen) < count:
            chosen.append(int(gap.argmax()))
            gap = np.minimum(gap, near[chosen[-1]])
            gap[chosen] = -1.0
        return chosen
