"""Super-resolution from block averages."""

from __future__ import annotations

from dataclasses import dataclass

from posterity.operators._settings import whole
from posterity.operators.averaging import AverageSR
from posterity.operators.base import Operator
from posterity.operators.families.base import Factor, Family, Own, Shape

__all__ = ["Pool"]


@dataclass(frozen=True)
class Pool(Family):
    """Averages of square blocks."""

    factor: Factor

    has = AverageSR.has

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return AverageSR(whole("factor", self.factor), shape)
