"""Phase retrieval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.phase import PhaseRetrieval

__all__ = ["Phase"]


@dataclass(frozen=True)
class Phase(Family):
    """Magnitudes of the oversampled Fourier transform."""

    oversampling: Annotated[float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]

    has = PhaseRetrieval.has

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002
        return PhaseRetrieval(self.oversampling, shape)
