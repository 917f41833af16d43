"""The forward operator of a latent prior's states: A∘D."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.operators.base import Operator

__all__ = ["Composed"]


@dataclass(frozen=True)
class Composed(Operator):
    """A(D(z)): differentiable, without a mask, pseudo-inverse or SVD even if A has them.

    Samplers that need those therefore refuse a latent prior; the others become latent samplers unchanged.

    Arguments:
        operator: A.
        decode: D, (B, *state) → (B, *signal), differentiable; it counts its own calls.
        signal_shape: the shape of one state, this operator's input.
    """

    operator: Operator
    decode: Callable[[Tensor], Tensor]
    signal_shape: tuple[int, ...]

    has = frozenset()

    def __str__(self) -> str:
        return f"{self.operator} after a decoder"

    def forward(self, x: Tensor, /) -> Tensor:
        return self.operator(self.decode(x))

    def display(self, y: Tensor) -> Tensor:
        return self.operator.display(y)

    def where_measured(self, y: Tensor) -> Tensor:
        return self.operator.where_measured(y)

    def rows(self, index: Tensor) -> Composed:
        return Composed(self.operator.rows(index), self.decode, self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Composed:
        return Composed(self.operator.to(dtype, device), self.decode, self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return self.operator.parameters()
