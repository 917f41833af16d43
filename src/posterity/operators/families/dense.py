"""Compressed sensing with a dense random matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import WithJsonSchema
from torch import Tensor

from posterity.operators.base import Operator
from posterity.operators.dense import Dense, normal_matrix
from posterity.operators.families.base import Family, Own, Shape

__all__ = ["DenseMatrix"]

_ROWS = WithJsonSchema(
    {"type": "integer", "minimum": 1, "description": "rows of a matrix of independent normal entries"}
)


@dataclass(frozen=True)
class DenseMatrix(Family):
    """A matrix of independent standard normal entries."""

    measured: Annotated[int, _ROWS]

    has = Dense.has
    rehearsals = 0

    def build(self, shape: Shape, own: Own) -> Operator:
        return Dense(own["matrix"].double(), shape)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"matrix": normal_matrix(self.measured, shape, rng)}
