"""Means over the unmeasured entries of a signal."""

from __future__ import annotations

from torch import Tensor

__all__ = ["means"]


def means(error: Tensor, missing: Tensor) -> list[float]:
    """Return the mean of each row of ``error`` (N, *signal) where ``missing`` is true (broadcastable to (*signal))."""
    found: list[float] = error[:, missing.expand(error.shape[1:])].mean(1).tolist()
    return found
