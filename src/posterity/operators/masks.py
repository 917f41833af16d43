"""Inpainting in image form: y = M ⊙ x, with noise on the kept pixels alone (spec of masks, form a)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.operators.base import SVD, Operator

__all__ = ["Inpainting", "box", "half"]


def box(height: int, width: int, top: float, left: float, bottom: float, right: float) -> Tensor:
    """Keep-mask (1, H, W) without the box whose borders are fractions of the sides."""
    keep = torch.ones(1, height, width)
    keep[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 0
    return keep


def half(height: int, width: int, side: str) -> Tensor:
    """Keep-mask (1, H, W) without the half at ``side``: left, right, top or bottom."""
    borders = {"left": (0, 0, 1, 0.5), "right": (0, 0.5, 1, 1), "top": (0, 0, 0.5, 1), "bottom": (0.5, 0, 1, 1)}
    return box(height, width, *borders[side])


@dataclass(frozen=True)
class _MaskSVD(SVD):
    """V = I: the singular value of a kept pixel is 1, of a missing one 0."""

    keep: Tensor

    @property
    def singulars(self) -> Tensor:
        return self.keep

    def Vt(self, x: Tensor) -> Tensor:
        return x

    def V(self, c: Tensor) -> Tensor:
        return c

    def Ut(self, y: Tensor) -> Tensor:
        return self.keep * y

    def U(self, c: Tensor) -> Tensor:
        return self.keep * c


@dataclass(frozen=True, eq=False)
class Inpainting(Operator):
    """Keeps the pixels where ``keep`` is 1.

    Arguments:
        keep: mask in {0, 1} with shape (B, 1, H, W), or (1, 1, H, W) shared by all rows.
        signal_shape: (C, H, W).
    """

    keep: Tensor
    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint", "pinv", "svd", "mask"})

    def forward(self, x: Tensor) -> Tensor:
        return self.keep * x

    adjoint = forward
    pinv = forward

    @property
    def svd(self) -> SVD:
        return _MaskSVD(self.keep)

    def where_measured(self, y: Tensor) -> Tensor:
        return self.keep.expand_as(y)

    @property
    def unknowns(self) -> Tensor:
        return self.signal_shape[0] * (1 - self.keep).flatten(1).sum(1)

    def rows(self, index: Tensor) -> Inpainting:
        keep = self.keep if len(self.keep) == 1 else self.keep[index]
        return Inpainting(keep, self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Inpainting:
        return Inpainting(self.keep.to(device=device, dtype=dtype), self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"keep": self.keep}
