"""Template: in one line, with authors and year. y = a x, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.operators._settings import finite
from posterity.operators.base import Operator
from posterity.operators.families.base import Family, Own, Shape

__all__ = ["Template"]


@dataclass(frozen=True, eq=False)
class _Gain(Operator):
    """A x = a x. Each of adjoint, pinv and svd named in ``has`` must be defined; "mask" means that A hides entries."""

    gain: float
    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint", "pinv"})

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x

    adjoint = forward

    def pinv(self, y: Tensor) -> Tensor:
        return y / self.gain

    def rows(self, index: Tensor) -> _Gain:  # noqa: ARG002 - nothing differs between rows
        return self


@dataclass(frozen=True)
class Template(Family):
    """Every entry times a factor."""

    gain: Annotated[float, Field(gt=0, le=10, description="factor of every entry")] = 0.5

    has = _Gain.has | {"pixelwise"}
    any_signal = True

    def build(self, shape: Shape, own: Own) -> Operator:  # noqa: ARG002 - no measurement has parameters of its own
        return _Gain(finite("gain", self.gain, 0, 10, above=True), shape)
