"""How much the samples of a set differ from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posterity.metrics._distances import ASSET, LEAST, among
from posterity.metrics.base import Pool, SetMetric

__all__ = ["Diversity"]


class Diversity(SetMetric):
    """Mean pairwise distance: LPIPS for images, else the RMS difference over unmeasured entries."""

    asset = ASSET
    least = LEAST

    def value(self, pool: Pool, members: Sequence[int]) -> float | None:
        distances = among(pool)[np.ix_(members, members)]
        n = len(distances)
        return float(distances[np.triu_indices(n, 1)].mean()) if n > 1 else None
