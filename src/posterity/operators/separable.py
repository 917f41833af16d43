"""The SVD of separable operators A x = W X Wᵀ, per channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from posterity.operators.base import SVD

__all__ = ["SeparableSVD"]


@dataclass(frozen=True)
class SeparableSVD(SVD):
    """W = U diag(s) V₁ᵀ on both axes; V is completed to a full orthonormal basis.

    Arguments:
        left: U, (m, m) shared by all rows, or (B, 1, m, m).
        values: s ≥ 0, (m,) or (B, 1, m).
        right: V, (n, n) or (B, 1, n, n).
    """

    left: Tensor
    values: Tensor
    right: Tensor

    @cached_property
    def singulars(self) -> Tensor:
        n, m = self.right.shape[-1], self.values.shape[-1]
        full = self.right.new_zeros(*self.values.shape[:-1], n, n)
        full[..., :m, :m] = self.values[..., :, None] * self.values[..., None, :]
        return full

    def Vt(self, x: Tensor) -> Tensor:
        return self.right.mT @ x @ self.right

    def V(self, c: Tensor) -> Tensor:
        return self.right @ c @ self.right.mT

    def Ut(self, y: Tensor) -> Tensor:
        n, m = self.right.shape[-1], self.values.shape[-1]
        c = y.new_zeros(*y.shape[:-2], n, n)
        c[..., :m, :m] = self.left.mT @ y @ self.left
        return c * (self.singulars > 0)

    def U(self, c: Tensor) -> Tensor:
        m = self.values.shape[-1]
        return self.left @ (c * (self.singulars > 0))[..., :m, :m] @ self.left.mT
