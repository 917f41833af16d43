"""Metrics of the package pyiqa on images (N, C, H, W) in [-1, 1]; grey (C = 1) is repeated to three channels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from posterity.imports import lean

__all__ = ["full_reference", "metric", "unit"]


def unit(x: Tensor) -> Tensor:
    """Return images as RGB in [0, 1], (N, 3, H, W)."""
    return ((x + 1) / 2).clamp(0, 1).expand(-1, 3, -1, -1)


@lru_cache
def metric(name: str, **options: str) -> Any:
    """Return pyiqa's metric ``name``, on the CPU."""
    with lean():
        import pyiqa

    return pyiqa.create_metric(name, device=torch.device("cpu"), **options)


def full_reference(name: str, x: Tensor, truth: Tensor) -> list[float]:
    """Return pyiqa's metric ``name`` of images (N, C, H, W) against one truth (C, H, W) or N truths (N, C, H, W)."""
    with torch.no_grad():
        return [float(v) for v in metric(name)(unit(x), unit(truth.expand_as(x))).reshape(-1)]
