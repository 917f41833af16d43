"""SSIM as in Matlab and IQA-PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._pyiqa import full_reference
from posterity.metrics._similarity import LEAST
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["SSIMLuma"]


class SSIMLuma(SampleMetric):
    """SSIM of the luminance, rounded to 8 bits; blind to colour."""

    needs = frozenset({"image", "truth"})
    least = LEAST

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        return full_reference("ssim", pool.x[list(places)], pool.truth)
