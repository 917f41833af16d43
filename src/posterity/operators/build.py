"""From a task's settings and a measurement's own parameters to the operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from posterity.operators.base import Operator
from posterity.operators.masks import Inpainting
from posterity.operators.pointwise import Colorization, Denoising
from posterity.operators.superresolution import BicubicSR

__all__ = ["FAMILIES", "build"]


def _inpaint(task: Mapping[str, Any], shape: tuple[int, ...], parameters: Mapping[str, Tensor]) -> Operator:  # noqa: ARG001
    return Inpainting(parameters["keep"].double(), shape)


def _sr(task: Mapping[str, Any], shape: tuple[int, ...], parameters: Mapping[str, Tensor]) -> Operator:  # noqa: ARG001
    return BicubicSR(int(task["factor"]), shape)


def _colorize(task: Mapping[str, Any], shape: tuple[int, ...], parameters: Mapping[str, Tensor]) -> Operator:  # noqa: ARG001
    return Colorization(shape)


def _denoise(task: Mapping[str, Any], shape: tuple[int, ...], parameters: Mapping[str, Tensor]) -> Operator:  # noqa: ARG001
    return Denoising(shape)


FAMILIES = {"inpaint": _inpaint, "sr": _sr, "colorize": _colorize, "denoise": _denoise}


def build(
    task: Mapping[str, Any],
    shape: tuple[int, ...],
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
    """
    return FAMILIES[task["operator"]](task, shape, parameters).to(dtype, device)
