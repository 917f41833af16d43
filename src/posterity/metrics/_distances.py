"""Distances between a pool's samples and to the truth, computed once for all metrics."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posterity.features.lpips import LPIPS
from posterity.metrics.base import Pool

__all__ = ["ASSET", "LEAST", "among", "between"]

ASSET = "vgg16"
LEAST = (16, "LPIPS needs sides of")
Array = NDArray[np.floating[Any]]

_network = lru_cache(maxsize=1)(LPIPS)


def among(pool: Pool) -> Array:
    """Return the distances (M, M) of the first M = ``compared`` samples.

    LPIPS for images; for other signals the RMS difference over the unmeasured entries, in the signal's unit.
    """
    m = pool.compared
    if pool.kind.name == "image":
        return between(pool)[:m, :m]
    return pool.once("rms differences", lambda pool: _rms_differences(pool.x[: pool.compared], pool.missing))


def between(pool: Pool) -> Array:
    """Return LPIPS (M, M) of the first ``compared`` images and, if known, the truth, which comes last."""

    def compute(pool: Pool) -> Array:
        x = pool.x[: pool.compared]
        known = x if pool.truth is None else torch.cat([x, pool.truth[None].expand_as(x[:1])])
        return _network(pool.file(ASSET)).pairs(known)

    return pool.once("lpips", compute)


def _rms_differences(x: Tensor, missing: Tensor) -> Array:
    flat = x.double()[:, missing.expand(x.shape[1:])]
    distances: Array = (torch.cdist(flat, flat) / max(1, flat.shape[1]) ** 0.5).numpy()
    return distances
