"""Adam (Kingma and Ba 2015), elementwise, so that rows of a batch stay independent."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Adam"]


class Adam:
    """The moments of one tensor; :meth:`step` turns its gradient into the decrement."""

    def __init__(self, rate: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        self.rate, self.betas, self.eps = rate, betas, eps
        self.count = 0
        self.first: Tensor | float = 0.0
        self.second: Tensor | float = 0.0

    def step(self, gradient: Tensor) -> Tensor:
        """Return what to subtract from the parameter; same shape as the gradient, (B, …)."""
        (b1, b2), self.count = self.betas, self.count + 1
        self.first = b1 * self.first + (1 - b1) * gradient
        self.second = b2 * self.second + (1 - b2) * gradient**2
        root = torch.sqrt(self.second / (1 - b2**self.count))
        return self.rate * (self.first / (1 - b1**self.count)) / (root + self.eps)
