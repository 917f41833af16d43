"""Compressed sensing with Walsh-Hadamard patterns over shuffled pixels (DDRM's SVD operator)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._batch import take
from posterity.operators._settings import whole
from posterity.operators.base import SVD, Operator

__all__ = ["CompressedSensing", "shuffle", "walsh_hadamard"]


def walsh_hadamard(x: Tensor) -> Tensor:
    """Apply the orthonormal Walsh-Hadamard transform, its own inverse, along the last axis; (…, 2^k) → (…, 2^k)."""
    count = x.shape[-1]
    for level in range(count.bit_length() - 1):
        pairs = x.unflatten(-1, (-1, 2, 2**level))
        x = torch.stack([pairs[..., 0, :] + pairs[..., 1, :], pairs[..., 0, :] - pairs[..., 1, :]], dim=-2).flatten(-3)
    return x / count**0.5


def shuffle(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Draw a permutation of the pixels, (1, H · W) in float32, which represents these integers exactly."""
    return torch.from_numpy(rng.permutation(shape[-2] * shape[-1]).astype(np.float32))[None]


@dataclass(frozen=True)
class _HadamardSVD(SVD):
    """Vᵀ permutes and transforms every channel; the first coefficients are measured, with singular value 1."""

    order: Tensor
    measured: int
    shape: tuple[int, int]
    dtype: torch.dtype

    @property
    def singulars(self) -> Tensor:
        s = torch.zeros(self.shape, dtype=self.dtype, device=self.order.device)
        s.view(-1)[: self.measured] = 1
        return s

    def Vt(self, x: Tensor) -> Tensor:
        flat = x.flatten(-2)
        return walsh_hadamard(flat.gather(-1, self._places(flat))).unflatten(-1, self.shape)

    def V(self, c: Tensor) -> Tensor:
        flat = walsh_hadamard(c.flatten(-2))
        return torch.zeros_like(flat).scatter(-1, self._places(flat), flat).unflatten(-1, self.shape)

    def _places(self, flat: Tensor) -> Tensor:
        return self.order[:, None].expand(flat.shape)

    def Ut(self, y: Tensor) -> Tensor:
        rest = self.shape[0] * self.shape[1] - self.measured
        return torch.nn.functional.pad(y, (0, rest)).unflatten(-1, self.shape)

    def U(self, c: Tensor) -> Tensor:
        return c.flatten(-2)[..., : self.measured]


@dataclass(frozen=True, eq=False)
class CompressedSensing(Operator):
    """The first H · W / ratio coefficients of every channel; y is (B, C, H · W / ratio) and A Aᵀ = I.

    Arguments:
        ratio: an integer that divides H · W.
        order: permutation of the pixels, long (B, H · W) or (1, H · W).
        signal_shape: (C, H, W) with H · W a power of 2.
    """

    ratio: int
    order: Tensor
    signal_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    def __post_init__(self) -> None:
        _, height, width = self.signal_shape
        count = height * width
        if count & (count - 1) or count % whole("ratio", self.ratio):
            raise PosterityError(f"{height}×{width} pixels must be a power of 2 that ratio {self.ratio} divides")

    @property
    def svd(self) -> SVD:
        _, height, width = self.signal_shape
        return _HadamardSVD(self.order, height * width // self.ratio, (height, width), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.svd.U(self.svd.Vt(x))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.svd.V(self.svd.Ut(y))

    pinv = adjoint
    display = adjoint

    def rows(self, index: Tensor) -> CompressedSensing:
        return CompressedSensing(self.ratio, take(self.order, index), self.signal_shape, self.dtype)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> CompressedSensing:
        return CompressedSensing(self.ratio, self.order.to(device), self.signal_shape, dtype)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"order": self.order}
