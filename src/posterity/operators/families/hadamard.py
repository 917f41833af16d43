"""Compressed sensing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import WithJsonSchema
from torch import Tensor

from posterity.operators._settings import whole
from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.hadamard import CompressedSensing, shuffle

__all__ = ["Hadamard"]


@dataclass(frozen=True)
class Hadamard(Family):
    """Walsh-Hadamard coefficients of randomly permuted pixels, one in ``ratio``."""

    ratio: Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1})]

    has = CompressedSensing.has

    def build(self, shape: Shape, own: Own) -> Operator:
        return CompressedSensing(whole("ratio", self.ratio), own["order"].long(), shape)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"order": shuffle(shape, rng)}
