"""Deblurring of a spatially varying blur."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from posterity.operators import spatial_blur
from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape

__all__ = ["SpatiallyBlurred"]


@dataclass(frozen=True)
class SpatiallyBlurred(Family):
    """A mixture of random kernels whose weights vary over the image."""

    has = spatial_blur.SpatialBlur.has

    def build(self, shape: Shape, own: Own) -> Operator:
        return spatial_blur.SpatialBlur(own["kernels"].double(), own["fields"].double(), shape)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return spatial_blur.code(rng)
