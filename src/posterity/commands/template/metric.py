"""Template: in one line, with authors and year."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics.base import Pool, SampleMetric

__all__ = ["Template"]


class Template(SampleMetric):
    """Largest absolute error of a sample, in the unit of the signal."""

    needs = frozenset({"truth"})  # image, truth, posterior, modes, reference; or nothing

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None, "needed"
        errors = (pool.x[list(places)].double() - pool.truth.double()).abs()
        return [float(error.max()) for error in errors]
