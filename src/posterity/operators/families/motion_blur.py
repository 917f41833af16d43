"""Motion deblurring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import WithJsonSchema
from torch import Tensor

from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape
from posterity.operators.motion import MotionBlur, motion_kernel

__all__ = ["MotionBlurred"]

_SIDE = WithJsonSchema({"type": "integer", "minimum": 3, "description": "side of the kernel in pixels, odd"})


@dataclass(frozen=True)
class MotionBlurred(Family):
    """Convolution with a random camera-shake path."""

    size: Annotated[int, _SIDE]
    intensity: Annotated[float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]

    has = MotionBlur.has

    def build(self, shape: Shape, own: Own) -> Operator:
        return MotionBlur(own["kernel"].double(), shape)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {"kernel": motion_kernel(self.size, self.intensity, rng)[None, None]}
