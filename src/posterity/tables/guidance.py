"""What diversity guidance changes, with the same noise: guided minus vanilla, item by item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from posterity.tables import _runs, published
from posterity.tables.cells import Cell, join, paired_cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "ROWS", "TITLE", "cells", "signed"]

ROWS = KEYS
TITLE = "What guidance changes"
CAPTION = (
    "Guided minus vanilla, paired by item and drawn with the same noise: LPIPS diversity and modes of the shown set, "
    "then PSNR, LPIPS from the truth, NIQE and LR-PSNR of its samples. A note says where the interval leaves out 0. "
    "Published: differences of the entries of Tables 1 to 3."
)
_METRICS = ("diversity", "modes_shown", "psnr", "lpips", "niqe", "lr_psnr")


def cells(frames: Frames) -> list[Cell]:
    """One row for every run that has a guided partner."""
    by_run = dict(_runs.runs(_runs.shown(frames.frame("metrics"))))
    pairs = [(k, (*k[:3], f"{k[3]}_guided")) for k in by_run if (*k[:3], f"{k[3]}_guided") in by_run]
    if not pairs:
        raise frames.missing("metrics", none="of a sampler and its guided partner")

    def rows() -> Iterator[Cell]:
        for run, guided in pairs:
            for metric in _METRICS:
                a, b = (by_run[k][by_run[k]["metric"] == metric] for k in (guided, run))
                ours = paired_cell(run, metric, a, b, _published(run, metric))
                yield replace(ours, note=join(ours.note, signed(ours)))

    return list(rows())


def signed(cell: Cell) -> str | None:
    """The sign of the difference in words, None where there is no interval."""
    if cell.low is None or cell.high is None:
        return None
    return (
        "higher with guidance" if cell.low > 0 else "lower with guidance" if cell.high < 0 else "not separated from 0"
    )


def _published(run: tuple[str, ...], metric: str) -> float | None:
    guided, vanilla = (published.per_run(run[1], s, metric) for s in (f"{run[3]}_guided", run[3]))
    return None if guided is None or vanilla is None else round(guided - vanilla, 10)
