"""Agreement with the measurement in dB, which the stage "sample" records; 45 dB or more is consistent."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.metrics._recorded import Recorded

__all__ = ["CONSISTENT_DB", "LRPSNR", "consistent", "lr_psnr"]

CONSISTENT_DB = 45.0
"""Noiseless restorations at or above this agree with the measurement."""


class LRPSNR(Recorded):
    """PSNR of A x̂ against y in dB."""

    needs = frozenset({"image"})


def lr_psnr(y: Tensor, ax: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the dB of each A x̂ against y over the entries ``seen``, (B,); NaN without any.

    At most 144.5 dB: measurements are stored in single precision, whose rounding a better agreement would only pretend
    to resolve.

    Arguments:
        y: (B, *measurement), in units of [-1, 1] and clamped there.
        ax: the same.
        seen: 1 on the entries that count.
    """
    a, b = ((y + 1) / 2).clamp(0, 1), ((ax + 1) / 2).clamp(0, 1)
    seen = torch.ones_like(a) if seen is None else seen
    mean_square = (seen * (a - b)).double().square().flatten(1).sum(1) / seen.flatten(1).sum(1)
    return -10 * mean_square.clamp(min=2.0**-48).log10()


def consistent(decibels: float) -> bool:
    """Return whether a noiseless restoration agrees with its measurement."""
    return decibels >= CONSISTENT_DB
