"""Numbers about single images; images (N, C, H, W) in [-1, 1]."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity.imports import lean

__all__ = ["CONSISTENT_DB", "consistent", "lr_psnr", "niqe", "psnr", "ssim"]

CONSISTENT_DB = 45.0
"""Noiseless restorations at or above this agree with the measurement."""
_NIQE_LEAST = 96


def _unit(x: Tensor) -> Tensor:
    return ((x + 1) / 2).clamp(0, 1).expand(-1, 3, -1, -1)


@lru_cache
def _metric(name: str, **options: str) -> Any:
    with lean():
        import pyiqa

    return pyiqa.create_metric(name, device=torch.device("cpu"), **options)


def _full_reference(name: str, x: Tensor, truth: Tensor) -> list[float]:
    with torch.no_grad():
        return [float(v) for v in _metric(name)(_unit(x), _unit(truth.expand_as(x))).reshape(-1)]


def psnr(x: Tensor, truth: Tensor) -> list[float]:
    """Peak signal-to-noise ratio in dB of each image."""
    return _full_reference("psnr", x, truth)


def ssim(x: Tensor, truth: Tensor) -> list[float]:
    """Structural similarity of each image."""
    return _full_reference("ssim", x, truth)


def niqe(x: Tensor, parameters: Path) -> tuple[list[float | None], str | None]:
    """NIQE of each image (lower is better), or Nones and the reason why there is none.

    Arguments:
        x: images.
        parameters: .mat file of the pristine model.
    """
    height, width = x.shape[-2:]
    if min(height, width) < _NIQE_LEAST:
        return [None] * len(x), f"N/A: NIQE needs blocks of {_NIQE_LEAST} px, the image is {height}×{width}"
    metric = _metric("niqe", pretrained_model_path=str(parameters))
    with torch.no_grad():
        return [float(v) for v in metric(_unit(x)).reshape(-1)], None


def lr_psnr(y: Tensor, ax: Tensor, seen: Tensor | None = None) -> Tensor:
    """dB of each A x̂ against y, both in [-1, 1] units and clamped there, over the entries ``seen``.

    At most 144.5 dB: measurements are stored in single precision, whose rounding a better agreement
    would only pretend to resolve.
    """
    a, b = ((y + 1) / 2).clamp(0, 1), ((ax + 1) / 2).clamp(0, 1)
    seen = torch.ones_like(a) if seen is None else seen
    mean_square = (seen * (a - b)).double().square().flatten(1).sum(1) / seen.flatten(1).sum(1)
    return -10 * mean_square.clamp(min=2.0**-48).log10()


def consistent(decibels: float) -> bool:
    """The verdict on a noiseless restoration."""
    return decibels >= CONSISTENT_DB
