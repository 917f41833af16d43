"""Measurements from user input: a picture and a mask, a measurement and its operator, or a picture and a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity import signals
from posterity.errors import PosterityError
from posterity.front import checked, inputs
from posterity.front.home import home
from posterity.front.inputs import Given
from posterity.operators.base import Operator
from posterity.operators.build import build
from posterity.operators.masks import Inpainting
from posterity.priors.base import Prior
from posterity.signals import Kind
from posterity.stages.degrade import measure

__all__ = ["NOISE", "OWN_MASK", "SIZES", "Measurement", "degrade", "measured"]

NOISE = 1e6
"""The largest σ_y, in the units of x."""
SIZES = (1, 2048)
"""Largest size in pixels per side."""

OWN_MASK = "inpaint_own"
"""The task whose settings are used with a user's mask."""


@dataclass(frozen=True)
class Measurement:
    """y = A(x) + σ_y n of one signal.

    Arguments:
        y: (1, *measurement), in double precision.
        operator: A.
        sigma_y: noise level in the units of x.
        task: name of the task, "" for an operator without one.
        item: name of the signal, which seeds the noise.
        truth: (*signal), None if unknown.
        kind: kind of the signal.
    """

    y: Tensor
    operator: Operator
    sigma_y: float = 0.0
    task: str = ""
    item: str = "picture"
    truth: Tensor | None = None
    kind: Kind = field(default_factory=lambda: signals.find("image"))

    @property
    def keep(self) -> Tensor | None:
        """Return the operator's mask, (1, …), 1 where the signal is measured; None without a mask."""
        return self.operator.parameters().get("keep")

    @property
    def display(self) -> Tensor:
        """Return y as a displayable signal, (*signal)."""
        return self.operator.display(self.y)[0]


def degrade(
    picture: Given, task: str | Mapping[str, Any], *, prior: Prior | None = None, size: int = 64, seed: int = 0,
    item: str = "",
) -> Measurement:  # fmt: skip
    """Degrade a picture by a task, as the stage "degrade" does.

    Arguments:
        picture: see :func:`posterity.restore`.
        task: name of a task in the configuration, or its settings, e.g. ``{"operator": "sr", "factor": 4}``.
        prior: the prior that sets the image size.
        size: pixels per side if no prior is given.
        seed: seed of a random mask or kernel, and of the noise.
        item: name of the picture; by default that of its file.

    Raises:
        PosterityError: if it is not a picture, or the task is unknown or impossible on such images.
    """
    called = name_of(picture, item)
    if prior is not None and not isinstance(prior, Prior):
        raise PosterityError(f"prior is {prior!r:.60}, expected one of posterity.prior(…)")
    shape = (3, size, size) if prior is None else prior.signal_shape
    checked.whole("size", size, *SIZES)
    checked.seed(seed)
    settings = _settings(task)
    if settings.get("regions") or settings.get("objects") or settings.get("face_parts"):
        raise PosterityError(
            f"task {settings['name']} hides regions that only a data set defines; give a mask of your own"
        )
    x = inputs.signal(inputs.opened(picture, called), shape, called)
    _, _, operator, y = measure(settings, x[None], (seed, "", called, settings["name"]), {}, called)
    return Measurement(y.float().double(), operator, float(settings["sigma_y"]), str(settings["name"]), called, x)


def measured(
    given: Given | Measurement, mask: Given | None, operator: Operator | str | Mapping[str, Any] | None,
    shape: Sequence[int], sigma_y: float, item: str,
) -> Measurement:  # fmt: skip
    """Return the measurement described by the arguments of :func:`posterity.restore`, for signals of ``shape``."""
    if isinstance(given, Measurement):
        if mask is not None or operator is not None:
            raise PosterityError("a measurement includes its operator; leave out mask and operator")
        return given
    if (mask is None) == (operator is None):
        raise PosterityError("give a picture with a mask, or a measurement with its operator")
    called = name_of(given, item)
    if mask is not None:
        picture = inputs.opened(given, called)
        keep = inputs.keep(mask, inputs.size_of(picture), shape, called)
        hides = Inpainting(keep, tuple(shape))
        return Measurement(hides(inputs.signal(picture, shape, called)[None]), hides, sigma_y, OWN_MASK, called)
    if isinstance(operator, Operator):
        return Measurement(_batched(given, operator, shape, called), operator, sigma_y, "", called)
    settings = _settings(operator)
    try:
        made = build(settings, tuple(shape), {})
    except PosterityError as error:
        raise PosterityError(
            f"task {settings['name']}: {error}; build an operator with a random mask or kernel yourself and pass it"
        ) from error
    noise = settings["sigma_y"] or sigma_y
    return Measurement(_batched(given, made, shape, called), made, noise, str(settings["name"]), called)


def _settings(task: Any) -> dict[str, Any]:
    """Return the settings of a task given by its name or by its settings."""
    if isinstance(task, str):
        return home().task(task)
    if not isinstance(task, Mapping):
        raise PosterityError(
            f"task is {task!r:.60}, expected a name, or settings such as {{'operator': 'sr', 'factor': 4}}"
        )
    found = {"name": "own", "sigma_y": 0.0, **task}
    return found | {"sigma_y": checked.number(f"task {found['name']}: sigma_y", found["sigma_y"], 0, NOISE)}


def _batched(given: Given, operator: Operator, shape: Sequence[int], called: str) -> Tensor:
    """Return y as (1, *measurement), the shape of the operator's output."""
    wanted = tuple(operator(torch.zeros(1, *shape, dtype=torch.float64)).shape[1:])
    seen = inputs.opened(given, called)
    y = seen if isinstance(seen, Tensor) else _levels(seen, wanted)
    y = y[0] if y.ndim == len(wanted) + 1 and len(y) == 1 else y
    if tuple(y.shape) != wanted:
        raise PosterityError(
            f"{called} has shape {tuple(y.shape)}, but {operator} maps a signal of shape {tuple(shape)} to {wanted}"
        )
    return y[None].double()


def _levels(picture: Any, wanted: Sequence[int]) -> Tensor:
    """Return a measured picture (C, H, W) in [-1, 1] without resizing it."""
    import numpy as np

    grey = len(wanted) == 3 and wanted[0] == 1
    levels = torch.from_numpy(np.array(picture.convert("L" if grey else "RGB"))).to(torch.float32) / 127.5 - 1
    return (levels[None] if levels.ndim == 2 else levels.movedim(-1, 0)).double()


def name_of(given: Any, item: str) -> str:
    """Return the name of a picture: ``item`` if given, else its file's name."""
    return item or (Path(given).stem if isinstance(given, str | Path) else "picture")
