"""Classifies tasks by their definitions, independent of their names, for tables and figures."""

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
    """Return True for bicubic super-resolution."""
    return task["operator"] == "sr"


def inpainting(task: Task) -> bool:
    """Return True if entries are hidden."""
    return task["operator"] == "inpaint"


def of_a_face(task: Task) -> bool:
    """Return True if the hidden entries are the eyes or the mouth of a face."""
    regions = set(task.get("regions", ()))
    return inpainting(task) and bool(regions) and regions <= _PARTS


def of_an_ecg(task: Task) -> bool:
    """Return True if leads or a time interval are hidden."""
    return bool({"observed_leads", "missing_block", "missing_block_per_lead"} & set(task))


def noisy(task: Task) -> bool:
    """Return True if the measurement is noisy."""
    return bool(task.get("sigma_y", 0.0) > 0)


def _has(operator: str, **settings: Any) -> Callable[[Task], bool]:
    """Return a test for tasks with this operator and these settings; ``...`` matches any value."""
    wanted = {"operator": operator, **settings}
    return lambda task: all(key in task and value in (..., task[key]) for key, value in wanted.items())


STAND_IN = "Spatially varying deblur"
"""Not a problem of the paper: the stand-in for its non-linear blur, a network that users must download."""
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
    """Return the paper's name of a task that is one of the ten problems with the paper's σ_y = 0.05, else None."""
    if task.get("sigma_y", 0.0) != _SIGMA_Y:
        return None
    return next((name for name, fits in TEN.items() if fits(task)), None)
