"""One setting of a method against the distance to the exact posterior of the closed-form problems."""

from __future__ import annotations

from posterity.tables import _toys
from posterity.tables.cells import Cell
from posterity.tables.frames import Frames

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("problem_sweeps",)
ROWS = ("prior", "dim", "sweep", "setting")
TITLE = "Sweeps on the closed-form problems"
CAPTION = (
    "Distance to the exact posterior as one setting varies: mean over instances with a 95 % bootstrap interval, "
    "median, and the mean relative to that of the best value. At eta 1 the midpoint is the target, as in DPS."
)


def cells(frames: Frames) -> list[Cell]:
    """Return one row per value of the setting."""
    out = []
    for sweep in _toys.sweeps(frames):
        means = sweep.rows.groupby("at")["value"].mean()
        for at, rows in sweep.rows.groupby("at"):
            row = (sweep.prior, str(sweep.dim), sweep.name, f"{sweep.vary} {at:g}")
            mean, low, high, median, diverged = _toys.summary(rows)
            out.append(Cell(row, "mean", mean, low, high, len(rows)))
            out.append(Cell(row, "median", median, count=len(rows)))
            out.append(Cell(row, "mean / best", mean / float(means.min()) if means.min() > 0 else None))
            out.append(Cell(row, "diverged", float(diverged), count=len(rows)))
    return out
