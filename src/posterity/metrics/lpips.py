"""The perceptual distance LPIPS (Zhang et al. 2018), with VGG-16."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._distances import ASSET, LEAST, between
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["Lpips"]


class Lpips(SampleMetric):
    """LPIPS to the truth."""

    needs = frozenset({"image", "truth"})
    asset = ASSET
    least = LEAST

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        to_truth = between(pool)[-1]
        return [float(to_truth[place]) for place in places]
