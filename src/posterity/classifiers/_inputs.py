"""Inputs of a classifier: windows of a record, as twelve standardised leads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from posterity.ecg import leads
from posterity.signals.ecg import LEADS

__all__ = ["TWELVE", "moments", "standardised", "starts"]

TWELVE = len(leads.STANDARD)
_SUMS = torch.from_numpy(leads.twelve(np.eye(len(LEADS)))).float()
"""The twelve leads in their usual order as sums of the eight independent ones, (12, 8)."""


def standardised(x: Tensor, mean: float, deviation: float) -> Tensor:
    """Return the twelve leads of x (..., 8, time) in mV, less ``mean`` and over ``deviation``; (..., 12, time)."""
    return (_SUMS.to(x) @ x - mean) / deviation


def moments(x: Tensor) -> tuple[float, float]:
    """Return the mean and the standard deviation of all values of the twelve leads of x (N, 8, time), in mV."""
    count, total, square = 0, 0.0, 0.0
    for part in x.split(256):
        values = standardised(part.double(), 0.0, 1.0)
        count, total, square = (
            count + values.numel(),
            total + float(values.sum()),
            square + float(values.square().sum()),
        )
    mean = total / count
    return mean, max(square / count - mean**2, 0.0) ** 0.5


def starts(length: int, window: int, stride: int) -> list[int]:
    """Return where the windows of a record of ``length`` samples begin; the last one ends with the record."""
    found = list(range(0, length - window + 1, stride))
    return found if found[-1] == length - window else [*found, length - window]
