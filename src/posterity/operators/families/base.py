"""The contract of an operator family: from a task's settings and a measurement's own parameters to the operator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import WithJsonSchema
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators.base import Operator

__all__ = ["Area", "Factor", "Family", "Own", "Shape", "Width"]

Shape = tuple[int, ...]
Own = Mapping[str, Tensor]
Area = Callable[[str], Tensor]
"""Maps the name of an item's region to its mask (H, W), 1 inside, 0 outside; PosterityError if unknown."""

Factor = Annotated[int, WithJsonSchema({"enum": [2, 4, 8, 16, 32]})]
_SIGMA = {"type": "number", "exclusiveMinimum": 0}
Width = Annotated[
    float | list[float],
    WithJsonSchema(
        {
            "anyOf": [_SIGMA, {"type": "array", "items": _SIGMA, "minItems": 2, "maxItems": 2}],
            "description": "standard deviation in pixels, or its least and greatest",
        }
    ),
]


@dataclass(frozen=True)
class Family(ABC):
    """Operators of one kind: a frozen dataclass of a task's settings other than ``operator`` and ``sigma_y``.

    The annotations define what a configuration accepts; ``build`` and ``draw`` refuse invalid values. ``has`` is that
    of the operators, plus "pixelwise" for those that act on each pixel alone. ``any_signal`` is true for families that
    accept signals of any shape, not only images (C, H, W). A task gives exactly one of the settings in ``one_of``.
    ``rehearsals`` is the number of measurements that `check` tries; 0 for operators that need weights or are large.
    """

    has: ClassVar[frozenset[str]] = frozenset()
    any_signal: ClassVar[bool] = False
    one_of: ClassVar[tuple[str, ...]] = ()
    rehearsals: ClassVar[int] = 1

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Self:
        """Read this family's settings from a task; other keys are ignored.

        Raises:
            PosterityError: if a setting is missing.
        """
        for field in fields(cls):
            if field.default is MISSING and field.name not in task:
                raise PosterityError(f"{field.name!r} is missing")
        return cls(**{field.name: task[field.name] for field in fields(cls) if field.name in task})

    @abstractmethod
    def build(self, shape: Shape, own: Own) -> Operator:
        """Return the operator of a batch, in float64.

        Arguments:
            shape: shape of one signal.
            own: parameters, each (B, …), as returned by ``Operator.parameters`` when the measurement was made.

        Raises:
            PosterityError: if settings are invalid, in themselves or for this shape.
        """

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Draw the parameters of a new measurement, each (1, …) in float32, the precision they are stored in."""
        return {}

    def draw_for(
        self,
        shape: Shape,
        rng: np.random.Generator,
        area: Area,
        called: str,  # noqa: ARG002
    ) -> tuple[str | None, dict[str, Tensor]]:
        """Return (the name of what was drawn, if any; :meth:`draw` for an item with regions, each (1, …)).

        Arguments:
            shape: shape of the signal.
            rng: generator of the item.
            area: the item's regions.
            called: name of the task in errors.
        """
        return None, self.draw(shape, rng)
