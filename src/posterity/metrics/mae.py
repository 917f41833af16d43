"""Mean absolute error over the entries that were not measured, in the unit of the signal."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._means import means
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["MAE"]


class MAE(SampleMetric):
    """Mean absolute error over the entries that were not measured, in the unit of the signal."""

    needs = frozenset({"truth"})

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        return means((pool.x[list(places)].double() - pool.truth.double()).abs(), pool.missing)
