"""Operators that act on each pixel alone: denoising and colorization."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators.base import SVD, Operator

__all__ = ["Colorization", "Denoising"]


@dataclass(frozen=True)
class _IdentitySVD(SVD):
    @property
    def singulars(self) -> Tensor:
        return torch.ones(())

    def Vt(self, x: Tensor) -> Tensor:
        return x

    V = U = Ut = Vt


@dataclass(frozen=True, eq=False)
class Denoising(Operator):
    """A = I; y has x's shape."""

    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    def forward(self, x: Tensor) -> Tensor:
        return x

    adjoint = forward
    pinv = forward

    @property
    def svd(self) -> SVD:
        return _IdentitySVD()

    def rows(self, index: Tensor) -> Denoising:  # noqa: ARG002 - nothing differs between rows
        return self


def _colour_basis(dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """Return an orthonormal basis (3, 3) whose first row is grey; rows are the right singular vectors."""
    rows = [[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]
    basis = torch.tensor(rows, dtype=torch.float64)
    return (basis / basis.norm(dim=1, keepdim=True)).to(device=device, dtype=dtype)


@dataclass(frozen=True)
class _ColourSVD(SVD):
    basis: Tensor

    @property
    def singulars(self) -> Tensor:
        s = self.basis.new_zeros(3, 1, 1)
        s[0] = 1 / math.sqrt(3)
        return s

    def Vt(self, x: Tensor) -> Tensor:
        return torch.einsum("kc,bchw->bkhw", self.basis, x)

    def V(self, c: Tensor) -> Tensor:
        return torch.einsum("kc,bkhw->bchw", self.basis, c)

    def Ut(self, y: Tensor) -> Tensor:
        return torch.cat([y, y.new_zeros(y.shape[0], 2, *y.shape[2:])], dim=1)

    def U(self, c: Tensor) -> Tensor:
        return c[:, :1]


@dataclass(frozen=True, eq=False)
class Colorization(Operator):
    """A = (1/3, 1/3, 1/3) per pixel: the plain mean of the channels, not luma; y is (B, 1, H, W)."""

    signal_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    def __post_init__(self) -> None:
        if self.signal_shape[0] != 3:
            raise PosterityError(f"colorization takes 3 channels, not {self.signal_shape[0]}")

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=1, keepdim=True)

    def adjoint(self, y: Tensor) -> Tensor:
        return (y / 3).expand(-1, 3, -1, -1)

    def pinv(self, y: Tensor) -> Tensor:
        return y.expand(-1, 3, -1, -1)

    display = pinv

    @property
    def svd(self) -> SVD:
        return _ColourSVD(_colour_basis(self.dtype, self.device))

    def rows(self, index: Tensor) -> Colorization:  # noqa: ARG002 - nothing differs between rows
        return self

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Colorization:
        return Colorization(self.signal_shape, dtype, device)
