"""Metrics that the stage "sample" computes in double precision and stores in the column of their name."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics.base import Pool, SampleMetric

__all__ = ["Recorded"]


class Recorded(SampleMetric):
    """The column's value; null if no entry of y is measured."""

    none = "N/A: no entry of y is measured, or the misfit is not finite"

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        return [pool.recorded[self.name][place] for place in places]
