"""Deblurring of the published non-linear blur, a network trained on camera shake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, WithJsonSchema
from torch import Tensor

from posterity.operators import kernel_wizard
from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape

__all__ = ["NonlinearlyBlurred"]

_PATH = WithJsonSchema(
    {"type": "string", "minLength": 1, "description": "path of GOPRO_wVAE.pth, the published encoder"}
)


@dataclass(frozen=True)
class NonlinearlyBlurred(Family):
    """The published network with a random blur code."""

    weights: Annotated[str, _PATH]
    resample: Annotated[bool, Field(description="another blur in every call, as in the published scripts")] = False
    twice_scaled: Annotated[bool, Field(description="A'(x) = 2 A((x + 1)/2) - 1, as in Flash's public code")] = False

    has = kernel_wizard.NonlinearBlur.has
    rehearsals = 0

    def build(self, shape: Shape, own: Own) -> Operator:
        network = kernel_wizard.load_encoder(Path(self.weights))
        return kernel_wizard.NonlinearBlur(network, own["code"], shape, self.resample, self.twice_scaled)

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"code": kernel_wizard.code(shape, rng)}
