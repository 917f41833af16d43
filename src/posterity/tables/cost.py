"""Cost of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterity.tables import _runs
from posterity.tables.cells import Cell, interval
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("run",)
ROWS = KEYS
TITLE = "Cost"
CAPTION = (
    "Evaluations of the prior actually made for a sample, forward and backward, its share of the batch's seconds on "
    "the machine that ran it, the largest memory in MB, and evaluations (forward and backward) and seconds relative "
    "to DDNM on the same task."
)
_REFERENCE = "ddnm"


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run."""
    columns = (*KEYS, "method", "wrappers", "item", "forwards", "backwards", "seconds", "peak_bytes")
    by_run = dict(_runs.runs(frames.frame("samples", columns)))
    out = []
    for run, rows in by_run.items():
        for column in ("forwards", "backwards", "seconds"):
            means = rows.groupby("item")[column].mean()
            low, high = interval(means.to_numpy())
            out.append(Cell(run, column, float(means.mean()), low, high, len(means)))
        peak = float(rows["peak_bytes"].max()) / 2**20
        out.append(Cell(run, "MB", peak or None, note=None if peak else "N/A: memory was not measured on this device"))
        out += _ratios(run, rows, by_run.get((*run[:3], _REFERENCE)))
    return out


def _ratios(run: tuple[str, ...], rows: pd.DataFrame, reference: pd.DataFrame | None) -> list[Cell]:
    names = (f"evaluations / {_REFERENCE}", f"seconds / {_REFERENCE}")
    if reference is None:
        return [Cell(run, n, note=f"N/A: {_REFERENCE} was not run on this task") for n in names]
    out = []
    for name, columns in zip(names, (["forwards", "backwards"], ["seconds"]), strict=True):
        ours, theirs = (float(r[columns].sum(axis=1).mean()) for r in (rows, reference))
        value = ours / theirs if theirs > 0 else None
        out.append(Cell(run, name, value, note=None if value is not None else f"N/A: {_REFERENCE} took nothing"))
    return out
