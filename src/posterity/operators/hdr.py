"""Clipping: the high-dynamic-range task of RED-diff and MGPS."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from posterity.operators._settings import finite
from posterity.operators.base import Operator

__all__ = ["Clipping"]


@dataclass(frozen=True, eq=False)
class Clipping(Operator):
    """A(x) = x · factor clipped to [-1, 1], the shape of x; the gradient is 0 where it is clipped.

    Noise is added after clipping, so measurements may leave [-1, 1].
    """

    factor: float
    signal_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        finite("factor", self.factor, 0, above=True)

    def forward(self, x: Tensor) -> Tensor:
        return (self.factor * x).clamp(-1, 1)

    def display(self, y: Tensor) -> Tensor:
        """Return y / factor, (B, *signal): the signal wherever it was not clipped."""
        return y / self.factor

    def rows(self, index: Tensor) -> Clipping:  # noqa: ARG002 - nothing differs between rows
        return self
