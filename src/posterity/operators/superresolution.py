"""Bicubic super-resolution, the separable operator of DDRM (Kawar et al. 2022, code: SRConv).

An antialiased cubic kernel (Keys, a = -1/2) with 4r taps and symmetric reflection. A x = W X Wᵀ per
channel with one matrix W (H/r, H), so the SVD of A is that of W on both axes. The source has even factors
only; for odd factors a tap lies on the centre of a block, for even ones two taps lie beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._settings import whole
from posterity.operators.base import SVD, Operator
from posterity.operators.separable import SeparableSVD

__all__ = ["BicubicSR", "bicubic_matrix"]


@lru_cache(maxsize=32)
def bicubic_matrix(size: int, factor: int) -> Tensor:
    """Return W (size / factor, size) in float64, rows with sum 1; the identity for factor 1."""
    if size % factor:
        raise PosterityError(f"factor {factor} must divide the size, {size}")
    i = torch.arange(4 * factor, dtype=torch.float64)
    beside = 0.5 if factor % 2 == 0 else 0.0  # from the centre of a block to the next pixel's
    u = ((i - 2 * factor + beside) / factor).abs()
    near = 1.5 * u**3 - 2.5 * u**2 + 1
    far = -0.5 * u**3 + 2.5 * u**2 - 4 * u + 2
    taps = torch.where(u <= 1, near, torch.where(u < 2, far, torch.zeros_like(u)))
    taps = taps / taps.sum()
    matrix = torch.zeros(size // factor, size, dtype=torch.float64)
    for row in range(size // factor):
        start = row * factor + factor // 2 - 2 * factor
        for tap, weight in enumerate(taps):
            # Half-sample symmetric reflection, repeated for small images.
            column = (start + tap) % (2 * size)
            matrix[row, column if column < size else 2 * size - 1 - column] += weight
    return matrix


@dataclass(frozen=True, eq=False)
class BicubicSR(Operator):
    """Downscales a square image by ``factor``; y is (B, C, H/factor, H/factor).

    Arguments:
        factor: an integer that divides H.
        signal_shape: (C, H, H).
    """

    factor: int
    signal_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    def __post_init__(self) -> None:
        _, height, width = self.signal_shape
        if height != width or height % whole("factor", self.factor):
            raise PosterityError(f"factor {self.factor} must divide the sides of a square image, not {height}×{width}")

    @cached_property
    def matrix(self) -> Tensor:
        """W, (H/factor, H)."""
        return bicubic_matrix(self.signal_shape[1], self.factor).to(device=self.device, dtype=self.dtype)

    @cached_property
    def svd(self) -> SVD:
        left, values, right_t = torch.linalg.svd(bicubic_matrix(self.signal_shape[1], self.factor))
        cast = {"device": self.device, "dtype": self.dtype}
        return SeparableSVD(left.to(**cast), values.to(**cast), right_t.T.contiguous().to(**cast))

    @cached_property
    def _pinv_matrix(self) -> Tensor:
        full = torch.linalg.pinv(bicubic_matrix(self.signal_shape[1], self.factor))
        return full.to(device=self.device, dtype=self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix @ x @ self.matrix.T

    def adjoint(self, y: Tensor) -> Tensor:
        return self.matrix.T @ y @ self.matrix

    def pinv(self, y: Tensor) -> Tensor:
        return self._pinv_matrix @ y @ self._pinv_matrix.T

    def display(self, y: Tensor) -> Tensor:
        return y.repeat_interleave(self.factor, dim=-2).repeat_interleave(self.factor, dim=-1)

    def rows(self, index: Tensor) -> BicubicSR:  # noqa: ARG002 - nothing differs between rows
        return self

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> BicubicSR:
        return BicubicSR(self.factor, self.signal_shape, dtype, device)
