"""Means over the entries of a signal that were not measured."""

from __future__ import annotations

from torch import Tensor

__all__ = ["means"]


def means(error: Tensor, missing: Tensor) -> list[float]:
    """Return the mean of each row of ``error`` (N, *signal) where ``missing``, broadcastable to (*signal), is true."""
    found: list[float] = error[:, missing.expand(error.shape[1:])].mean(1).tolist()
    return found
