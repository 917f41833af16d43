"""No-reference image quality NIQE (Mittal et al. 2013), with the published model."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from posterity.metrics._pyiqa import metric, unit
from posterity.metrics.base import Pool, SampleMetric

__all__ = ["NIQE"]


class NIQE(SampleMetric):
    """NIQE, lower is better; undefined for some flat images."""

    needs = frozenset({"image"})
    asset = "niqe"
    least = (96, "NIQE needs blocks of")

    def values(self, pool: Pool, places: Sequence[int]) -> Sequence[float | None]:
        model = metric("niqe", pretrained_model_path=str(pool.file("niqe")))
        with torch.no_grad():
            return [float(v) for v in model(unit(pool.x[list(places)])).reshape(-1)]
