"""From a task's settings and a measurement's own parameters to the operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators import kernel_wizard, lead_masks, mask_shapes, spatial_blur
from posterity.operators._settings import finite, span, whole
from posterity.operators.averaging import AverageSR
from posterity.operators.base import Operator
from posterity.operators.blur import GaussianBlur, TruncatedBlur
from posterity.operators.dense import Dense, normal_matrix
from posterity.operators.hadamard import CompressedSensing, shuffle
from posterity.operators.hdr import Clipping
from posterity.operators.jpeg import Jpeg
from posterity.operators.masks import Inpainting
from posterity.operators.motion import MotionBlur, motion_kernel
from posterity.operators.phase import PhaseRetrieval
from posterity.operators.pointwise import Colorization, Denoising
from posterity.operators.spatial_blur import SpatialBlur
from posterity.operators.superresolution import BicubicSR

__all__ = ["FAMILIES", "Family", "build", "draw"]

_WIDEST = 1000
"""Pixels of a blur's width; the kernel ends long before."""

Task = Mapping[str, Any]
Shape = tuple[int, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Family:
    """Operators of one kind.

    Arguments:
        build: (task, shape of a signal, parameters) → operator in float64.
        draw: (task, shape of a signal, generator) → what one measurement has of its own, each
            (1, …) in float32, the precision it is stored in; None for families without parameters.
        any_signal: true for what works on signals of any shape, not on images (C, H, W) alone.
    """

    build: Callable[[Task, Shape, Mapping[str, Tensor]], Operator]
    draw: Callable[[Task, Shape, np.random.Generator], dict[str, Tensor]] | None = None
    any_signal: bool = False


def _mask(task: Task, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
    known = mask_shapes.SHAPES if len(shape) == 3 else lead_masks.SHAPES
    name = next((name for name in task if name in known), None)
    if name is None:
        raise PosterityError(f"a signal of shape {shape} needs one of {', '.join(known)}")
    if len(shape) == 2:
        return {"keep": lead_masks.SHAPES[name](task[name], shape[1], rng)[None]}
    _, height, width = shape
    return {"keep": mask_shapes.SHAPES[name](height, width, task[name], rng)[None]}


def _width(task: Task, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
    """A fixed σ, or one that is uniform between two."""
    width = task["width"]
    several = isinstance(width, list | tuple)
    drawn = rng.uniform(*span("width", width, 0, _WIDEST)) if several else finite("width", width, 0, _WIDEST)
    return {"width": torch.tensor([drawn], dtype=torch.float32)}


def _motion(task: Task, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
    return {"kernel": motion_kernel(task["size"], task["intensity"], rng)[None, None]}


def _nonlinear(task: Task, shape: Shape, own: Mapping[str, Tensor]) -> Operator:
    """With the published weights, at the path ``task["weights"]``."""
    network = kernel_wizard.load_encoder(Path(task["weights"]))
    return kernel_wizard.NonlinearBlur(network, own["code"], shape, task.get("resample", False))


FAMILIES: Mapping[str, Family] = {
    "inpaint": Family(lambda task, shape, own: Inpainting(own["keep"].double(), shape), _mask, any_signal=True),
    "sr": Family(lambda task, shape, own: BicubicSR(whole("factor", task["factor"]), shape)),
    "pool": Family(lambda task, shape, own: AverageSR(whole("factor", task["factor"]), shape)),
    "colorize": Family(lambda task, shape, own: Colorization(shape)),
    "denoise": Family(lambda task, shape, own: Denoising(shape), any_signal=True),
    "blur": Family(lambda task, shape, own: GaussianBlur.of(own["width"], shape), _width),
    "blur_truncated": Family(lambda task, shape, own: TruncatedBlur.of(own["width"], shape), _width),
    "motion_blur": Family(lambda task, shape, own: MotionBlur(own["kernel"].double(), shape), _motion),
    "spatial_blur": Family(
        lambda task, shape, own: SpatialBlur(own["kernels"].double(), own["fields"].double(), shape),
        lambda task, shape, rng: spatial_blur.code(rng),
    ),
    "nonlinear_blur": Family(_nonlinear, lambda task, shape, rng: {"code": kernel_wizard.code(shape, rng)}),
    "jpeg": Family(lambda task, shape, own: Jpeg(task["quality"], shape, transposed=task.get("transposed", False))),
    "phase": Family(lambda task, shape, own: PhaseRetrieval(task["oversampling"], shape)),
    "hdr": Family(lambda task, shape, own: Clipping(task["factor"], shape)),
    "hadamard": Family(
        lambda task, shape, own: CompressedSensing(whole("ratio", task["ratio"]), own["order"].long(), shape),
        lambda task, shape, rng: {"order": shuffle(shape, rng)},
    ),
    "dense": Family(
        lambda task, shape, own: Dense(own["matrix"].double(), shape),
        lambda task, shape, rng: {"matrix": normal_matrix(task["measured"], shape, rng)},
    ),
}


def build(
    task: Task,
    shape: Shape,
    parameters: Mapping[str, Tensor],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Operator:
    """The operator of a batch.

    Arguments:
        task: settings with ``operator``, a key of ``FAMILIES``, and what the family takes.
        shape: of one signal.
        parameters: each (B, …), as ``Operator.parameters`` gave them when the measurement was made.
        dtype: precision.
        device: where its tensors live.

    Settings that are impossible, or impossible for this shape, raise :class:`PosterityError`.
    """
    return _told(task, shape, lambda family: family.build(task, shape, parameters).to(dtype, device))


def draw(task: Task, shape: Shape, rng: np.random.Generator) -> dict[str, Tensor]:
    """The parameters of one new measurement, each (1, …); they are all that ``build`` needs beside the task."""
    return _told(task, shape, lambda family: family.draw(task, shape, rng) if family.draw else {})


def _told(task: Task, shape: Shape, make: Callable[[Family], T]) -> T:
    """Apply ``make`` to the task's family; its errors name the family."""
    name = str(task.get("operator"))
    if name not in FAMILIES:
        raise PosterityError(f"operator {name!r} does not exist; choose one of {', '.join(FAMILIES)}")
    if len(shape) != 3 and not FAMILIES[name].any_signal:
        valid = ", ".join(name for name, family in FAMILIES.items() if family.any_signal)
        raise PosterityError(f"operator {name} is of images; a signal of shape {shape} can have {valid}")
    try:
        return make(FAMILIES[name])
    except PosterityError as error:
        raise PosterityError(f"operator {name}: {error}") from error
    except KeyError as error:
        raise PosterityError(f"operator {name}: {error.args[0]!r} is missing") from error
