"""Deblurring; publications use this name for two operators, see :mod:`posterity.operators.blur`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from posterity.operators.base import Operator
from posterity.operators.blur import TruncatedBlur, draw_width
from posterity.operators.families.base import Family, Own, Shape, Width

__all__ = ["BlurTruncated"]


@dataclass(frozen=True)
class BlurTruncated(Family):
    """Gaussian blur with zero padding and truncated singular values."""

    width: Width

    has = TruncatedBlur.has

    def build(self, shape: Shape, own: Own) -> Operator:
        return TruncatedBlur.of(own["width"], shape)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {"width": draw_width(self.width, rng)}
