"""Inpainting: y = M ⊙ x, with noise on the kept entries only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._batch import take
from posterity.operators.base import SVD, Operator

__all__ = ["Inpainting"]


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
    """Keeps the entries where ``keep`` is 1 and sets the others to 0; y has x's shape.

    Arguments:
        keep: mask in {0, 1}, (B, …), or (1, …) shared by all rows, where … broadcasts to the signal's shape:
            (1, H, W) hides pixels of an image, (leads, 1) leads of an ECG, (1, time) an interval of all leads.
        signal_shape: (C, H, W) or (leads, time).
    """

    keep: Tensor
    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint", "pinv", "svd", "mask"})

    def __post_init__(self) -> None:
        # checked on the CPU only, where masks are made: on a GPU the check would synchronise
        if self.keep.device.type == "cpu" and not self.keep.flatten(1).any(1).all():
            height, width = self.keep.shape[-2:]
            raise PosterityError(f"a mask hides every pixel of {height}×{width}; it must leave a part")

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
        return (1 - self.keep.expand(-1, *self.signal_shape)).flatten(1).sum(1)

    def rows(self, index: Tensor) -> Inpainting:
        return Inpainting(take(self.keep, index), self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Inpainting:
        return Inpainting(self.keep.to(device=device, dtype=dtype), self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"keep": self.keep}
