"""From a task's settings and a measurement's own parameters to the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators import families
from posterity.operators.base import Operator
from posterity.operators.families.base import Area, Family, Shape

__all__ = ["build", "draw", "draw_for", "family"]

Task = Mapping[str, Any]


@contextmanager
def _named(task: Task) -> Iterator[None]:
    """Prefix errors with the name of the task's operator."""
    try:
        yield
    except PosterityError as error:
        raise PosterityError(f"operator {task['operator']}: {error}") from error
    except KeyError as error:
        raise PosterityError(f"operator {task['operator']}: {error.args[0]!r} is missing") from error


def family(task: Task, shape: Shape) -> Family:
    """Return the operator family of a task, with its settings.

    Raises:
        PosterityError: if the family doesn't exist or doesn't accept signals of this shape, or a setting is missing.
    """
    cls = families.find(str(task.get("operator")))
    if len(shape) != 3 and not cls.any_signal:
        valid = ", ".join(name for name in families.names() if families.find(name).any_signal)
        raise PosterityError(f"operator {task['operator']} is of images; a signal of shape {shape} can have {valid}")
    with _named(task):
        return cls.of(task)


def build(
    task: Task,
    shape: Shape,
    parameters: Mapping[str, Tensor],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Operator:
    """Return the operator of a batch of rows.

    Arguments:
        task: settings: ``operator`` (the name of a family), and the family's own.
        shape: shape of one signal.
        parameters: each (B, …), as returned by ``Operator.parameters`` when the measurement was made.
        dtype: precision of its tensors.
        device: device of its tensors.

    Raises:
        PosterityError: if settings are invalid, in themselves or for this shape.
    """
    made = family(task, shape)
    with _named(task):
        return made.build(shape, parameters).to(dtype, device)


def draw(task: Task, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
    """Draw the parameters of a new measurement, each (1, …): what ``build`` needs besides the task."""
    made = family(task, shape)
    with _named(task):
        return made.draw(shape, rng)


def draw_for(task: Task, shape: Shape, rng: np.random.Generator, area: Area) -> tuple[str | None, dict[str, Tensor]]:
    """Return (name of what was drawn, :func:`draw` for an item with regions, each (1, …)); errors name the task."""
    made = family(task, shape)
    with _named(task):
        return made.draw_for(shape, rng, area, f"task {task['name']}")
