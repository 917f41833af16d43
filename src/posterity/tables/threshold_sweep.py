"""The paper's Table 7: the reach of guidance."""

from __future__ import annotations

from posterity.tables import _sweep, published
from posterity.tables.cells import Cell
from posterity.tables.frames import Frames
from posterity.tables.task_kinds import Task, of_a_face

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("reach_sweep",)
ROWS = ("dataset", "task", "prior", "method", "eta", "reach")
TITLE = "Reach of guidance"
CAPTION = (
    "LPIPS diversity of the shown set, NIQE, and LPIPS from the truth as guidance reaches farther; reach 0 is the "
    "sampler without guidance. Published (Table 7): face regions of CelebAMask-HQ, eta 0.09; the paper's D is on the "
    "scale of RePaint's code, a fifth of the D here."
)
_SCALE = 5  # that code counts the unknowns of all five images of a set


def cells(frames: Frames) -> list[Cell]:
    """Return one row per reach."""
    return _sweep.cells(frames, "reach", lambda step: "0" if step.reach.value == 0 else str(step.reach), _paper)


def _paper(task: Task, step: _sweep.Step, metric: str) -> float | None:
    if not (of_a_face(task) and step.artifact.recipe.method == "repaint") or step.reach.unit == "rms":
        return None
    limited = step.reach.value != float("inf")
    return published.value(
        "7", f"threshold {step.reach.value / _SCALE:g}" if limited else "threshold unlimited", metric
    )
