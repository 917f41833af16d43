"""Norms of rows."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["norms"]


def norms(r: Tensor) -> Tensor:
    """Return each row's Euclidean norm, (B, …) → (B,); its gradient is 0 where the norm is 0."""
    return torch.linalg.vector_norm(r.flatten(1), dim=1)
