"""Where networks compute: the one place that decides it."""

from __future__ import annotations

import torch

__all__ = ["best"]


def best() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
