"""The paper's Table 6: the strength of guidance."""

from __future__ import annotations

from posterity.tables import _sweep, published
from posterity.tables.cells import Cell
from posterity.tables.frames import Frames
from posterity.tables.task_kinds import Task, of_a_face

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("eta_sweep",)
ROWS = ("dataset", "task", "prior", "method", "reach", "eta")
TITLE = "Strength of guidance"
CAPTION = (
    "LPIPS diversity of the shown set, NIQE, and LPIPS from the truth as the strength eta grows; eta 0 is the sampler "
    "without guidance. Published (Table 6): face regions of CelebAMask-HQ at one fixed reach; the paper does not name "
    "the sampler, but the size of the reach is RePaint's."
)


def cells(frames: Frames) -> list[Cell]:
    """Return one row per strength."""
    return _sweep.cells(frames, "eta", lambda step: f"{step.eta:g}", _paper)


def _paper(task: Task, step: _sweep.Step, metric: str) -> float | None:
    if not (of_a_face(task) and step.artifact.recipe.method == "repaint"):
        return None
    return published.value("6", f"eta {step.eta:g}", metric)
