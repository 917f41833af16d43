"""Kinds of tasks by their definitions: what belongs in a table or figure, whatever a task is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Task", "inpainting", "noisy", "of_a_face", "of_an_ecg", "super_resolution"]

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
