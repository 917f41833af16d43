"""Recovery of clipped highlights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.hdr import Clipping

__all__ = ["HighDynamicRange"]


@dataclass(frozen=True)
class HighDynamicRange(Family):
    """Values scaled by a factor and clipped."""

    factor: Annotated[float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]

    has = Clipping.has

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return Clipping(self.factor, shape)
