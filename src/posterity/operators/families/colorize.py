"""Colorization."""

from __future__ import annotations

from dataclasses import dataclass

from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.pointwise import Colorization

__all__ = ["Colorize"]


@dataclass(frozen=True)
class Colorize(Family):
    """The mean of the channels."""

    has = Colorization.has | {"pixelwise"}

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return Colorization(shape)
