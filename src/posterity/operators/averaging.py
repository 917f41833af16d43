"""Super-resolution from block averages, the ×4 and ×16 tasks of MGPS (Janati et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._settings import whole
from posterity.operators.base import SVD, Operator

__all__ = ["AverageSR"]


def _blocks(x: Tensor, factor: int) -> Tensor:
    """Split into blocks, (B, C, H, W) → (B, C, H/R, W/R, R²)."""
    return x.unflatten(-2, (-1, factor)).unflatten(-1, (-1, factor)).movedim(-3, -2).flatten(-2)


def _unblocks(blocks: Tensor, factor: int) -> Tensor:
    """Invert ``_blocks``, (B, C, H/R, W/R, R²) → (B, C, H, W)."""
    return blocks.unflatten(-1, (factor, factor)).movedim(-2, -3).flatten(-4, -3).flatten(-2)


@dataclass(frozen=True)
class _AverageSVD(SVD):
    """SVD of block averages: V is a Householder reflection per block that swaps the constant vector 1/R and pixel 1.

    The first pixel's place holds the coefficient of the average, with singular value 1/R; the other
    places hold the null space.
    """

    factor: int
    shape: tuple[int, int]
    dtype: torch.dtype
    device: torch.device | str

    @property
    def singulars(self) -> Tensor:
        s = torch.zeros(self.shape, dtype=self.dtype, device=self.device)
        s[:: self.factor, :: self.factor] = 1 / self.factor
        return s

    def Vt(self, x: Tensor) -> Tensor:
        if self.factor == 1:
            return x
        blocks = _blocks(x, self.factor)
        normal = blocks.new_full((self.factor**2,), -1 / self.factor)
        normal[0] += 1
        # ‖normal‖² = 2 - 2/R.
        along = (blocks * normal).sum(-1, keepdim=True) / (1 - 1 / self.factor)
        return _unblocks(blocks - along * normal, self.factor)

    V = Vt

    def Ut(self, y: Tensor) -> Tensor:
        c = y.new_zeros(*y.shape[:2], *self.shape)
        c[..., :: self.factor, :: self.factor] = y
        return c

    def U(self, c: Tensor) -> Tensor:
        return c[..., :: self.factor, :: self.factor]


@dataclass(frozen=True, eq=False)
class AverageSR(Operator):
    """Averages disjoint blocks of ``factor``² pixels; y is (B, C, H/factor, W/factor).

    Every singular value is 1/factor, so noise σ_y on y corresponds to σ_y · factor in the units of x.

    Arguments:
        factor: an integer that divides H and W.
        signal_shape: (C, H, W).
    """

    factor: int
    signal_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    def __post_init__(self) -> None:
        _, height, width = self.signal_shape
        if height % whole("factor", self.factor) or width % self.factor:
            raise PosterityError(f"factor {self.factor} must divide the sides of the image, {height}×{width}")

    def forward(self, x: Tensor) -> Tensor:
        return _blocks(x, self.factor).mean(-1)

    def adjoint(self, y: Tensor) -> Tensor:
        return self.pinv(y) / self.factor**2

    def pinv(self, y: Tensor) -> Tensor:
        return y.repeat_interleave(self.factor, dim=-2).repeat_interleave(self.factor, dim=-1)

    display = pinv

    @property
    def svd(self) -> SVD:
        height, width = self.signal_shape[1:]
        return _AverageSVD(self.factor, (height, width), self.dtype, self.device)

    def rows(self, index: Tensor) -> AverageSR:  # noqa: ARG002 - nothing differs between rows
        return self

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> AverageSR:
        return AverageSR(self.factor, self.signal_shape, dtype, device)
