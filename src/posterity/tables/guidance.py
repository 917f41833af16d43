"""Effect of wrappers under the same noise: wrapped minus plain, item by item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from posterity.tables import _runs, published
from posterity.tables.cells import Cell, join, paired_cell
from posterity.tables.frames import KEYS, Frames
from posterity.tables.task_kinds import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells", "signed"]

NEEDS = ("metrics", "partners")
ROWS = KEYS
TITLE = "What guidance and coupled noise change"
CAPTION = (
    "Wrapped minus plain, paired by item and drawn with the same noise: LPIPS diversity and modes of the shown set, "
    "then PSNR, LPIPS from the truth, NIQE and LR-PSNR of its samples. A note says where the interval excludes 0. "
    "Published, for guidance: differences of the entries of Tables 1 to 3."
)
_METRICS = ("diversity", "modes_shown", "psnr", "lpips", "niqe", "lr_psnr")


def cells(frames: Frames) -> list[Cell]:
    """Return one row per wrapped run that has a plain partner."""
    by_run = dict(_runs.runs(_runs.shown(frames.frame("metrics"))))
    both = [tuple(tuple(run.key[k] for k in KEYS) for run in pair) for pair in frames.pairs()]
    pairs = [(plain, wrapped) for plain, wrapped in both if plain in by_run and wrapped in by_run]
    if not pairs:
        raise frames.missing("metrics", none="of a sampler and its wrapped partner")

    def rows() -> Iterator[Cell]:
        for plain, wrapped in pairs:
            for metric in _METRICS:
                a, b = (by_run[k][by_run[k]["metric"] == metric] for k in (wrapped, plain))
                paper = _published(
                    frames.task(dict(zip(KEYS, plain, strict=True))), by_run[plain], by_run[wrapped], metric
                )
                ours = paired_cell(wrapped, metric, a, b, paper)
                yield replace(ours, note=join(ours.note, signed(ours)))

    return list(rows())


def signed(cell: Cell) -> str | None:
    """Return the sign of the difference in words; None if there is no interval."""
    if cell.low is None or cell.high is None:
        return None
    return "higher than plain" if cell.low > 0 else "lower than plain" if cell.high < 0 else "not separated from 0"


def _published(task: Task, plain: pd.DataFrame, wrapped: pd.DataFrame, metric: str) -> float | None:
    a, b = (published.per_run(task, *_runs.recipe(rows), metric) for rows in (wrapped, plain))
    return None if a is None or b is None else round(a - b, 10)
