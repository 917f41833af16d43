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
        self.first: Tensor | None = None
        self.second: Tensor | None = None

    def step(self, gradient: Tensor) -> Tensor:
        """Return what to subtract from the parameter; same shape as the gradient, (B, …)."""
        (b1, b2), self.count = self.betas, self.count + 1
        if self.first is None or self.second is None:
            self.first, self.second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        # in place: with a tensor for every product, most of the time would be memory that comes and goes
        self.first.mul_(b1).add_((1 - b1) * gradient)
        self.second.mul_(b2).add_(gradient.square().mul_(1 - b2))
        root = (self.second / (1 - b2**self.count)).sqrt_().add_(self.eps)
        return (self.first / (1 - b1**self.count)).mul_(self.rate).div_(root)
