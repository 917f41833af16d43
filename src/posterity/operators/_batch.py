"""Operator parameters, one per row of a batch or shared by all rows."""

from __future__ import annotations

from torch import Tensor

__all__ = ["take"]


def take(parameter: Tensor, index: Tensor) -> Tensor:
    """Return rows ``index`` (long (n,)) of a parameter (B, …); a shared parameter (1, …) is returned as it is."""
    return parameter if len(parameter) == 1 else parameter[index]
