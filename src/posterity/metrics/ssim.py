"""Structural similarity per channel on RGB, over all windows inside the image."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._similarity import LEAST, similarity
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["SSIM"]


class SSIM(SampleMetric):
    """Structural similarity per channel on RGB, over all windows inside the image."""

    needs = frozenset({"image", "truth"})
    least = LEAST

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        return similarity(pool.x[list(places)], pool.truth)
