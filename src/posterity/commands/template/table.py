"""Template: in one line."""

from __future__ import annotations

from posterity.tables import _runs
from posterity.tables.cells import Cell, mean_cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("metrics",)  # what an experiment must make; "metrics:sr" for a task with this operator
ROWS = KEYS
TITLE = "Template"
CAPTION = "Mean of each metric over the items, for the first samples of each pool."


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run and one column per metric."""
    rows = _runs.shown(frames.frame("metrics"))
    return [
        mean_cell(run, metric, own[own["metric"] == metric])
        for run, own in _runs.runs(rows)
        for metric in sorted(own["metric"].unique())
    ]
