"""The paper's Tables 1 and 2: super-resolution, diversity against quality and consistency."""

from __future__ import annotations

from dataclasses import replace

from posterity.tables import _runs
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames
from posterity.tables.task_kinds import noisy, super_resolution

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("metrics:sr",)
ROWS = KEYS
TITLE = "Super-resolution"
CAPTION = (
    "LPIPS diversity of the shown set (higher is more diverse), NIQE (lower is better) and LR-PSNR in dB. "
    "Without noise, 45 dB or more is consistent with the measurement. "
    "Published: ×16 on CelebAMask-HQ (Table 1) and ×4 on PartImageNet (Table 2), trained networks, noise 0.05."
)


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run of a super-resolution task."""
    return [_judged(c, frames) for c in _runs.table(frames, ("diversity", "niqe", "lr_psnr"), super_resolution)]


def _judged(cell: Cell, frames: Frames) -> Cell:
    """Add a note if a noiseless restoration is inconsistent with the measurement."""
    from posterity.metrics.lr_psnr import CONSISTENT_DB, consistent

    noiseless = cell.column == "lr_psnr" and not noisy(frames.task(dict(zip(KEYS, cell.row, strict=True))))
    if noiseless and cell.value is not None and not consistent(cell.value):
        return replace(cell, note=f"below {CONSISTENT_DB:.0f} dB: not consistent with the measurement")
    return cell
