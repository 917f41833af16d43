"""SSIM of the code of Janati et al. 2025."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._similarity import LEAST, similarity
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["SSIMZeros"]


class SSIMZeros(SampleMetric):
    """SSIM with a window around every pixel and zero (black) padding."""

    needs = frozenset({"image", "truth"})
    least = LEAST

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        return similarity(pool.x[list(places)], pool.truth, border="constant")
