"""Kinds of tasks by their definitions: what belongs in a table or figure, whatever a task is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "STAND_IN", "TEN", "Task", "inpainting", "noisy", "of_a_face", "of_an_ecg", "problem", "super_resolution",
]  # fmt: skip

Task = Mapping[str, Any]
"""A task's definition in the configuration: its operator, that operator's parameters, sigma_y."""
_PARTS = {"eyes_large", "eyes_small", "mouth_large", "mouth_small"}


def super_resolution(task: Task) -> bool:
    """True for bicubic super-resolution."""
    return task["operator"] == "sr"


def inpainting(task: Task) -> bool:
    """True if entries are hidden."""
    return task["operator"] == "inpaint"


def of_a_face(task: Task) -> bool:
    """True if the hidden entries are the eyes or the mouth of a face."""
    regions = set(task.get("regions", ()))
    return inpainting(task) and bool(regions) and regions <= _PARTS


def of_an_ecg(task: Task) -> bool:
    """True if leads or a stretch of the time are hidden."""
    return bool({"observed_leads", "missing_block", "missing_block_per_lead"} & set(task))


def noisy(task: Task) -> bool:
    """True if the measurement has noise."""
    return bool(task.get("sigma_y", 0.0) > 0)


def _has(operator: str, **settings: Any) -> Callable[[Task], bool]:
    """True for tasks of this operator with these settings; ... stands for any value."""
    wanted = {"operator": operator, **settings}
    return lambda task: all(key in task and value in (..., task[key]) for key, value in wanted.items())


STAND_IN = "Spatially varying deblur"
"""No problem of the paper: what stands in for its non-linear blur, which is a network that people bring."""
TEN: Mapping[str, Callable[[Task], bool]] = {
    "SR (x4)": _has("pool", factor=4),
    "SR (x16)": _has("pool", factor=16),
    "Box inpainting": _has("inpaint", box=...),
    "Half mask": _has("inpaint", half=...),
    "Gaussian deblur": lambda task: task["operator"] in ("blur", "blur_truncated"),
    "Motion deblur": _has("motion_blur"),
    "JPEG (QF = 2)": _has("jpeg", quality=2),
    "Phase retrieval": _has("phase"),
    "Nonlinear deblur": _has("nonlinear_blur"),
    STAND_IN: _has("spatial_blur"),
    "High dynamic range": _has("hdr"),
}
"""The ten problems of Janati et al. 2025 (§5.1) by the paper's names and in its order, and the stand-in of one."""
_SIGMA_Y = 0.05


def problem(task: Task) -> str | None:
    """Return the paper's name of a task that is one of the ten problems, with the paper's σ_y of .05, else None."""
    if task.get("sigma_y", 0.0) != _SIGMA_Y:
        return None
    return next((name for name, fits in TEN.items() if fits(task)), None)
