"""How well the shown samples represent the others: a computed proxy for a question of the user study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posterity.metrics._distances import ASSET, LEAST, among
from posterity.metrics.base import Pool, SetMetric

__all__ = ["Coverage"]

_PERCENTILE = 10.0


class Coverage(SetMetric):
    """Share of unshown samples whose nearest shown sample is within the 10th percentile of the pool's distances."""

    asset = ASSET
    least = LEAST
    whole = True

    def unfit(self, pool: Pool, members: Sequence[int]) -> str | None:
        return "N/A: the whole pool is shown" if len(set(members)) == pool.compared else None

    def value(self, pool: Pool, members: Sequence[int]) -> float | None:
        distances = among(pool)
        n = len(distances)
        held = sorted(set(range(n)) - set(members))
        near = np.percentile(distances[np.triu_indices(n, 1)], _PERCENTILE)
        return float((distances[np.ix_(held, list(members))].min(1) <= near).mean())
