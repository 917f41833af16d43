"""Random members of the pool, which show the posterior's own variety."""

from __future__ import annotations

import numpy as np

from posterity.subsets._base import Array, Rule, check, settings

__all__ = ["Random"]


@settings
class Random(Rule):
    """Uniform draws without replacement."""

    def choose(self, data: Array, count: int, rng: np.random.Generator) -> list[int]:
        """Return ``count`` indices, from data (N, …)."""
        check(len(data), count)
        return [int(i) for i in rng.choice(len(data), count, replace=False)]
