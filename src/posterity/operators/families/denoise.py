"""Denoising."""

from __future__ import annotations

from dataclasses import dataclass

from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.pointwise import Denoising

__all__ = ["Denoise"]


@dataclass(frozen=True)
class Denoise(Family):
    """The identity: noise is the only degradation."""

    has = Denoising.has | {"pixelwise"}
    any_signal = True

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return Denoising(shape)
