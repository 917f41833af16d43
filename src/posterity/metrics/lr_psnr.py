"""Consistency with the measurement in dB, recorded by the stage "sample"; 45 dB or more is consistent."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.metrics._recorded import Recorded

__all__ = ["CONSISTENT_DB", "LRPSNR", "consistent", "lr_psnr"]

CONSISTENT_DB = 45.0
"""Noiseless restorations at or above this are consistent with the measurement."""


class LRPSNR(Recorded):
    """PSNR of A x̂ against y in dB."""

    needs = frozenset({"image"})


def lr_psnr(y: Tensor, ax: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the PSNR of A x̂ against y over the entries ``seen``, (B,) in dB; NaN without any.

    Values are capped at 144.5 dB, the rounding of measurements stored in single precision.

    Arguments:
        y: (B, *measurement), for range [-1, 1], and clamped to it.
        ax: A x̂, likewise.
        seen: 1 at the entries that count, broadcastable to y.
    """
    a, b = ((y + 1) / 2).clamp(0, 1), ((ax + 1) / 2).clamp(0, 1)
    seen = torch.ones_like(a) if seen is None else seen
    mean_square = (seen * (a - b)).double().square().flatten(1).sum(1) / seen.flatten(1).sum(1)
    return -10 * mean_square.clamp(min=2.0**-48).log10()


def consistent(decibels: float) -> bool:
    """Return whether a noiseless restoration is consistent with its measurement."""
    return decibels >= CONSISTENT_DB
