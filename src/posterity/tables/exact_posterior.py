"""How far each sampler is from the exact posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterity.tables import _runs
from posterity.tables.cells import Cell, mean_cell, paired_cell
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "FLOOR", "METRICS", "ROWS", "TITLE", "cells", "sizes"]

ROWS = KEYS
TITLE = "Distance to the exact posterior"
CAPTION = (
    "Total variation between the pool's mode frequencies and the exact probabilities (tv, 0 is exact), the share of "
    "the exact modes among the shown set, and the sliced Wasserstein distance to a pool of exact samples. A finite "
    "pool of exact samples is not at 0 either: exact_again, a second exact sampler, is the floor, and the columns "
    "ending in “− floor” are differences to it, paired by item. pool is the number of samples an item has; tv falls "
    "with it, so pools of different sizes are not compared."
)
METRICS = ("tv", "modes_shown", "sliced_wasserstein")
FLOOR = "exact_again"


def sizes(frames: Frames) -> dict[tuple[str, ...], int]:
    """Run → samples of an item; empty without samples artifacts."""
    if not frames.of("samples"):
        return {}
    counts = frames.frame("samples", (*KEYS, "item")).groupby([*KEYS, "item"]).size()
    return {k: int(v) for k, v in counts.groupby(list(KEYS)).max().items()}


def cells(frames: Frames) -> list[Cell]:
    """One row a run, the exact samplers first."""
    rows = frames.frame("metrics")
    rows = rows[rows["metric"].isin(METRICS) & rows["subset"].isna()]
    if rows["value"].isna().all():
        raise frames.missing("metrics", none=f"with {', '.join(METRICS)} of a prior that has an exact posterior")
    pools, by_run = sizes(frames), dict(_runs.runs(rows))
    out = []
    for run in sorted(by_run, key=lambda k: (*k[:3], k[3] not in ("exact", FLOOR), _runs.order(k[3]))):
        own = by_run[run]
        if own["value"].isna().all():
            continue
        floor = (*run[:3], FLOOR)
        out += [mean_cell(run, m, own[own["metric"] == m]) for m in METRICS]
        out += [_over(run, m, own, by_run.get(floor), pools.get(run), pools.get(floor)) for m in METRICS[::2]]
        if run in pools:
            out.append(Cell(run, "pool", float(pools[run])))
    return out


def _over(
    run: tuple[str, ...],
    metric: str,
    own: pd.DataFrame,
    floor: pd.DataFrame | None,
    size: int | None,
    least: int | None,
) -> Cell:
    """The paired difference to the floor, where the two can be compared."""
    column = f"{metric} − floor"
    if run[3] in ("exact", FLOOR):
        return Cell(run, column, count=0, note="N/A: an exact sampler is the floor")
    if floor is None:
        return Cell(run, column, count=0, note=f"N/A: {FLOOR} was not run here")
    if size != least:
        return Cell(run, column, count=0, note=f"N/A: pools differ in size, {size} against {least} of {FLOOR}")
    return paired_cell(run, column, own[own["metric"] == metric], floor[floor["metric"] == metric])
