"""JPEG restoration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.jpeg import Jpeg

__all__ = ["JpegCompressed"]


@dataclass(frozen=True)
class JpegCompressed(Family):
    """JPEG at a quality."""

    quality: Annotated[float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100})]
    transposed: bool = False

    has = Jpeg.has

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return Jpeg(self.quality, shape, transposed=self.transposed)
