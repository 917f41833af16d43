"""Parameters that belong to the rows of a batch, or to all of them."""

from __future__ import annotations

from torch import Tensor

__all__ = ["take"]


def take(parameter: Tensor, index: Tensor) -> Tensor:
    """Return the rows ``index`` of a parameter (B, …); one of (1, …) is shared and stays as it is."""
    return parameter if len(parameter) == 1 else parameter[index]
