"""Separable Gaussian blur: A x = G X Gᵀ per channel, with one width per row.

Publications use one name for two operators. ``GaussianBlur`` pads by reflection (DPS, MGPS, Flash).
``TruncatedBlur`` pads with 0, which darkens the borders, and truncates the small singular values of A
itself (the SVD operator of DDRM, DDNM, DiffPIR), so that A⁺ is well conditioned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._batch import take
from posterity.operators._settings import finite, span
from posterity.operators.base import SVD, Operator
from posterity.operators.convolution import reflection
from posterity.operators.separable import SeparableSVD

__all__ = ["RADIUS", "GaussianBlur", "TruncatedBlur", "draw_width", "gaussian_taps"]

RADIUS = 30
"""The kernel has 61×61 pixels at every width."""

_IDENTITY = 1e-3
_WIDEST = 1000
"""Largest width σ in pixels, far beyond the kernel's radius."""


def draw_width(width: float | Sequence[float], rng: np.random.Generator) -> Tensor:
    """Return σ in pixels, (1,) in float32: ``width``, or a uniform draw between its two values."""
    several = isinstance(width, list | tuple)
    drawn = rng.uniform(*span("width", width, 0, _WIDEST)) if several else finite("width", width, 0, _WIDEST)
    return torch.tensor([drawn], dtype=torch.float32)


def gaussian_taps(width: Tensor) -> Tensor:
    """Return 1-D kernels (B, 61) that sum to 1, with support |i| ≤ ⌈4σ⌉; ``width`` is σ in pixels, (B,)."""
    i = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64, device=width.device)
    width = width.double()[:, None]
    inside = i.abs() <= torch.where(width < _IDENTITY, 0, torch.ceil(4 * width))
    taps = torch.where(inside, torch.exp(-(i**2) / (2 * width.clamp(min=_IDENTITY) ** 2)), 0)
    return taps / taps.sum(1, keepdim=True)


def _band(taps: Tensor, size: int, *, reflect: bool) -> Tensor:
    """Return G (B, 1, size, size), whose row i holds the taps (B, 61) centred on column i."""
    wide = taps.new_zeros(len(taps), size, size + 2 * RADIUS)
    for row in range(size):
        wide[:, row, row : row + taps.shape[1]] = taps
    if not reflect:
        return wide[:, None, :, RADIUS : RADIUS + size]
    return wide.new_zeros(len(taps), size, size).index_add(2, reflection(size, RADIUS), wide)[:, None]


def _square(shape: tuple[int, ...]) -> int:
    if shape[1] != shape[2]:
        raise PosterityError(f"Gaussian blur takes square images, not {shape[1]}×{shape[2]}")
    return shape[1]


@dataclass(frozen=True, eq=False)
class GaussianBlur(Operator):
    """Blur with reflection padding, which makes it not self-adjoint; y has x's shape (B, C, H, H).

    Arguments:
        width: σ in pixels, (B,) or (1,); below 1e-3 nothing is blurred.
        matrix: G, (B, 1, H, H) or (1, 1, H, H), rows summing to 1.
        signal_shape: (C, H, H).
    """

    width: Tensor
    matrix: Tensor
    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint"})

    @classmethod
    def of(cls, width: Tensor, signal_shape: tuple[int, ...]) -> GaussianBlur:
        """Return the blur of σ = ``width`` pixels, (B,) or (1,), in float64."""
        return cls(width, _band(gaussian_taps(width), _square(signal_shape), reflect=True), signal_shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix @ x @ self.matrix.mT

    def adjoint(self, y: Tensor) -> Tensor:
        return self.matrix.mT @ y @ self.matrix

    def rows(self, index: Tensor) -> GaussianBlur:
        return GaussianBlur(take(self.width, index), take(self.matrix, index), self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> GaussianBlur:
        return GaussianBlur(self.width.to(device), self.matrix.to(device=device, dtype=dtype), self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"width": self.width}


@dataclass(frozen=True, eq=False)
class TruncatedBlur(Operator):
    """Blur with zero padding and truncated singular values; y has x's shape (B, C, H, H).

    G is symmetric, so its eigenvectors are both singular bases: A x = (Q diag(s) Qᵀ) X (Q diag(s) Qᵀ).

    Arguments:
        width: σ in pixels, (B,) or (1,).
        basis: Q, (B, 1, H, H) or (1, 1, H, H).
        values: s in descending order, (B, 1, H) or (1, 1, H); 0 below the cut-off.
        signal_shape: (C, H, H).
    """

    width: Tensor
    basis: Tensor
    values: Tensor
    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    @classmethod
    def of(cls, width: Tensor, signal_shape: tuple[int, ...], cutoff: float = 0.03) -> TruncatedBlur:
        """Return the blur of σ = ``width`` pixels, (B,) or (1,), in float64."""
        values, basis = torch.linalg.eigh(_band(gaussian_taps(width), _square(signal_shape), reflect=False))
        values = torch.where(values >= cutoff, values, 0).flip(-1)
        return cls(width, basis.flip(-1), values, signal_shape)

    @property
    def svd(self) -> SVD:
        return SeparableSVD(self.basis, self.values, self.basis)

    def _filtered(self, x: Tensor, gains: Tensor) -> Tensor:
        matrix = self.basis * gains[..., None, :] @ self.basis.mT
        return matrix @ x @ matrix

    def forward(self, x: Tensor) -> Tensor:
        return self._filtered(x, self.values)

    adjoint = forward

    def pinv(self, y: Tensor) -> Tensor:
        seen = self.values > 0
        return self._filtered(y, torch.where(seen, 1 / torch.where(seen, self.values, 1), 0))

    def rows(self, index: Tensor) -> TruncatedBlur:
        basis, values = take(self.basis, index), take(self.values, index)
        return TruncatedBlur(take(self.width, index), basis, values, self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> TruncatedBlur:
        basis, values = (t.to(device=device, dtype=dtype) for t in (self.basis, self.values))
        return TruncatedBlur(self.width.to(device), basis, values, self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"width": self.width}
