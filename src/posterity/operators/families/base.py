"""The contract of a family: from a task's settings, and what a measurement has of its own, to the operator."""

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
"""From the name of a region of the item to (H, W), 1 inside and 0 outside; PosterityError for an unknown one."""

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
    """Operators of one kind: a frozen dataclass of the settings that a task has beside ``operator`` and ``sigma_y``.

    The annotations say what a configuration accepts, ``build`` and ``draw`` refuse what cannot be. ``has`` is that of
    the operators, with "pixelwise" for those that act on every pixel alone. ``any_signal`` is true for what works on
    signals of any shape, not on images (C, H, W) alone. Of the settings ``one_of`` a task gives exactly one.
    ``rehearsals`` says how many measurements `check` tries; 0 for operators that need weights or are large.
    """

    has: ClassVar[frozenset[str]] = frozenset()
    any_signal: ClassVar[bool] = False
    one_of: ClassVar[tuple[str, ...]] = ()
    rehearsals: ClassVar[int] = 1

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Self:
        """Read a task, whose other keys are left alone.

        Raises:
            PosterityError: when a setting is missing.
        """
        for field in fields(cls):
            if field.default is MISSING and field.name not in task:
                raise PosterityError(f"{field.name!r} is missing")
        return cls(**{field.name: task[field.name] for field in fields(cls) if field.name in task})

    @abstractmethod
    def build(self, shape: Shape, own: Own) -> Operator:
        """Return the operator of a batch, in float64.

        Arguments:
            shape: of one signal.
            own: parameters, each (B, …), as ``Operator.parameters`` gave them when the measurement was made.

        Raises:
            PosterityError: for settings that are impossible, or impossible for this shape.
        """

    def draw(self, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the parameters of one new measurement, each (1, …) in float32, the precision they are stored in."""
        return {}

    def draw_for(
        self,
        shape: Shape,
        rng: np.random.Generator,
        area: Area,
        called: str,  # noqa: ARG002
    ) -> tuple[str | None, dict[str, Tensor]]:
        """Return the name of what was drawn, if it has one, and :meth:`draw` for an item with regions.

        Arguments:
            shape: of the signal.
            rng: of the item.
            area: the item's regions.
            called: what errors call the task.
        """
        return None, self.draw(shape, rng)
