"""Shared by the tables with one row per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from posterity.tables import _published_runs, published
from posterity.tables.cells import Cell, mean_cell
from posterity.tables.frames import KEYS, Frames
from posterity.tables.task_kinds import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NOT_RUN", "recipe", "runs", "shown", "table"]

NOT_RUN = "N/A: this sampler was not run on this task"


def recipe(rows: pd.DataFrame) -> tuple[str, str]:
    """Return (method, wrappers) of the rows of one run, which sorts a wrapped run after its plain partner."""
    return rows["method"].iloc[0], rows["wrappers"].iloc[0]


def shown(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the rows about the vanilla set, the first samples of each pool."""
    return metrics[metrics["subset"].isna()]


def runs(metrics: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Yield (dataset, task, prior, sampler) and the rows of each run, wrapped runs after plain ones."""
    groups = list(metrics.groupby(list(KEYS)))
    return iter(sorted(groups, key=lambda g: (*g[0][:3], *recipe(g[1]), g[0][3])))


def table(frames: Frames, columns: Sequence[str], fits: Callable[[Task], bool] | None = None) -> list[Cell]:
    """Return one row per run of the tasks that fit; a sampler that was not run on one of them is N/A there.

    A sampler is N/A only under priors that it was run with, since each published prior has its own samplers; a variant
    beside others of its method only where a number is published for it.

    Arguments:
        frames: metrics and measurements artifacts.
        columns: metrics.
        fits: true for the definition of a task that belongs in the table; by default all do.
    """
    rows = shown(frames.frame("metrics"))
    places = rows[["dataset", "task"]].drop_duplicates().itertuples(index=False, name=None)
    tasks = {(d, t): frames.task({"dataset": d, "task": t}) for d, t in places}
    fitting = {place for place, task in tasks.items() if fits is None or fits(task)}
    rows = rows[[pair in fitting for pair in zip(rows["dataset"], rows["task"], strict=True)]]
    if rows.empty:
        raise frames.missing("metrics", none="of a task that belongs in this table")
    by_run: dict[Any, pd.DataFrame] = dict(runs(rows))
    settings = sorted({key[:3] for key in by_run})
    made = {sampler: recipe(own) for sampler, own in rows.groupby("sampler")}
    samplers = sorted(made, key=lambda sampler: (*made[sampler], sampler))
    # of several runs of a method in the same wrappers, only the one with the method's own name is the paper's
    printed = {s for s in samplers if s == made[s][0] or [*made.values()].count(made[s]) == 1}
    ran, under = {(*key[:2], key[3]) for key in by_run}, {key[2:] for key in by_run}
    cells = []
    for (setting, sampler), column in product(product(settings, samplers), columns):
        key = (*setting, sampler)
        paper = published.per_run(tasks[setting[0], setting[1]], *made[sampler], column) if sampler in printed else None
        if paper is None:
            paper = _published_runs.value(frames, key, column)
        if key in by_run:
            own = by_run[key]
            cells.append(mean_cell(key, column, own[own["metric"] == column], paper))
        elif (*setting[:2], sampler) not in ran and key[2:] in under and (sampler in printed or paper is not None):
            cells.append(Cell(key, column, count=0, published=paper, note=NOT_RUN))
    return cells
