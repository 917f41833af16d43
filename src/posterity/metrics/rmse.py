"""Root of the mean square error over the entries that were not measured, in the unit of the signal."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._means import means
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["RMSE"]


class RMSE(SampleMetric):
    """Root of the mean square error over the entries that were not measured, in the unit of the signal."""

    needs = frozenset({"truth"})

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        squares = (pool.x[list(places)].double() - pool.truth.double()).square()
        return [mean**0.5 for mean in means(squares, pool.missing)]
