"""Super-resolution from bicubic downscaling."""

from __future__ import annotations

from dataclasses import dataclass

from posterity.operators._settings import whole
from posterity.operators.base import Operator
from posterity.operators.families.base import Factor, Family, Own, Shape
from posterity.operators.superresolution import BicubicSR

__all__ = ["SuperResolution"]


@dataclass(frozen=True)
class SuperResolution(Family):
    """Bicubic downscaling by a factor."""

    factor: Factor

    has = BicubicSR.has

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return BicubicSR(whole("factor", self.factor), shape)
