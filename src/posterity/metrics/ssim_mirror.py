"""SSIM as in current torchmetrics (used by Fabian et al. 2024): reflection padding, border pixel not repeated."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._similarity import LEAST, similarity
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["SSIMMirror"]


class SSIMMirror(SampleMetric):
    """SSIM with a window around every pixel and reflection padding."""

    needs = frozenset({"image", "truth"})
    least = LEAST

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        return similarity(pool.x[list(places)], pool.truth, border="reflect")
