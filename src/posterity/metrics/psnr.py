"""Peak signal-to-noise ratio in dB."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics._pyiqa import full_reference
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["PSNR"]


class PSNR(SampleMetric):
    """Peak signal-to-noise ratio in dB."""

    needs = frozenset({"image", "truth"})

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        assert pool.truth is not None
        return full_reference("psnr", pool.x[list(places)], pool.truth)
