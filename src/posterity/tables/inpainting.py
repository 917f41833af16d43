"""The paper's Table 3: inpainting, diversity against quality."""

from __future__ import annotations

from posterity.tables import _runs
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames
from posterity.tables.task_kinds import inpainting

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("metrics:inpaint",)
ROWS = KEYS
TITLE = "Inpainting"
CAPTION = (
    "LPIPS diversity of the shown set over the whole image (higher is more diverse) and NIQE (lower is better). "
    "Published (Table 3): face regions of CelebAMask-HQ beside inpaint_face, boxes around PartImageNet objects beside "
    "inpaint_object and inpaint_box, trained networks."
)


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run of an inpainting task."""
    return _runs.table(frames, ("diversity", "niqe"), inpainting)
