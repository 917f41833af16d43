"""Distance of each sampler to the exact posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterity.tables import _runs
from posterity.tables.cells import Cell, mean_cell, paired_cell
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "FLOOR", "METRICS", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("exact",)
ROWS = KEYS
TITLE = "Distance to the exact posterior"
CAPTION = (
    "Of a set of five: total variation between its mode frequencies and the exact probabilities (tv, 0 is exact), "
    "the share of the modes of exact probability over 1 % that it shows, and its sliced Wasserstein distance to "
    "exact samples. Five exact samples are not at 0 either: exact_again, a second exact sampler, is the floor, and "
    "the columns ending in “− floor” are differences to it, paired by item."
)
METRICS = ("tv", "modes_shown", "sliced_wasserstein")
FLOOR = "exact_again"


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run, the exact samplers first."""
    rows = frames.frame("metrics")
    rows = rows[rows["metric"].isin(METRICS) & rows["subset"].isna()]
    if rows["value"].isna().all():
        raise frames.missing("metrics", none=f"with {', '.join(METRICS)} of a prior that has an exact posterior")
    by_run = dict(_runs.runs(rows))
    out = []
    for run in sorted(by_run, key=lambda k: (*k[:3], k[3] not in ("exact", FLOOR), *_runs.recipe(by_run[k]), k[3])):
        own = by_run[run]
        if own["value"].isna().all():
            continue
        floor = (*run[:3], FLOOR)
        out += [mean_cell(run, m, own[own["metric"] == m]) for m in METRICS]
        out += [_over(run, m, own, by_run.get(floor)) for m in METRICS[::2]]
    return out


def _over(run: tuple[str, ...], metric: str, own: pd.DataFrame, floor: pd.DataFrame | None) -> Cell:
    """Return the paired difference from the floor."""
    column = f"{metric} − floor"
    if run[3] in ("exact", FLOOR):
        return Cell(run, column, count=0, note="N/A: an exact sampler is the floor")
    if floor is None:
        return Cell(run, column, count=0, note=f"N/A: {FLOOR} was not run here")
    return paired_cell(run, column, own[own["metric"] == metric], floor[floor["metric"] == metric])
