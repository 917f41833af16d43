"""VIPaint against every other sampler, item by item: modes, LPIPS and cost (Agarwal et al. 2025, §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posterity.tables import _runs
from posterity.tables.cells import Cell, interval, join, paired_cell
from posterity.tables.exact_posterior import FLOOR
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("metrics", "fit")
ROWS = (*KEYS, "against")
TITLE = "VIPaint against other samplers"
CAPTION = (
    "VIPaint minus the other sampler, paired by item: total variation between the mode frequencies of the shown set "
    "and the exact probabilities, the share of the modes of exact probability over 1 % that it shows, and LPIPS from "
    f"the truth; then evaluations of the prior (both directions) over the other's. {FLOOR}, a second exact sampler, "
    "is the floor. Under the task “all” an item's values are means over its tasks. A note says whether the interval "
    "confirms the order of the paper, which has VIPaint before all others."
)
BETTER: Mapping[str, int] = {"tv": -1, "modes_shown": 1, "lpips": -1}
"""{metric: sign of a difference in favour of VIPaint}."""
METHOD = "vipaint"
ALL = "all"

Run = tuple[str, ...]


def cells(frames: Frames) -> list[Cell]:
    """Return one row per VIPaint run and plain run of another method on the same task, and one over all tasks."""
    measured = dict(_runs.runs(_runs.shown(frames.frame("metrics"))))
    columns = (*KEYS, "item", "forwards", "backwards")
    drawn: dict[Any, pd.DataFrame] = dict(iter(frames.frame("samples", columns).groupby(list(KEYS))))
    plain = {run: _runs.recipe(rows)[0] for run, rows in measured.items() if not _runs.recipe(rows)[1] and run in drawn}
    pairs = [
        (ours, theirs)
        for ours, theirs in ((a, b) for a in plain for b in plain)
        if plain[ours] == METHOD != plain[theirs] and ours[:3] == theirs[:3]
    ]
    if not pairs:
        raise frames.missing("metrics", none="of VIPaint and of another sampler on one task")
    return [cell for row, group in _rows(pairs) for cell in _row(row, group, measured, drawn)]


def _rows(pairs: Sequence[tuple[Run, Run]]) -> Iterator[tuple[Run, list[tuple[Run, Run]]]]:
    """Yield (row, its pairs of runs): one for each pair, and one over all tasks if there are several."""
    over: dict[Run, list[tuple[Run, Run]]] = {}
    for ours, theirs in pairs:
        yield (*ours, theirs[3]), [(ours, theirs)]
        over.setdefault((ours[0], ALL, ours[2], ours[3], theirs[3]), []).append((ours, theirs))
    yield from ((row, group) for row, group in over.items() if len(group) > 1)


def _row(
    row: Run,
    pairs: Sequence[tuple[Run, Run]],
    measured: Mapping[Run, pd.DataFrame],
    drawn: Mapping[Run, pd.DataFrame],
) -> Iterator[Cell]:
    import pandas as pd

    ours, theirs = (pd.concat([measured[pair[side]] for pair in pairs]) for side in (0, 1))
    for metric, sign in BETTER.items():
        found = paired_cell(row, metric, *(rows[rows["metric"] == metric] for rows in (ours, theirs)))
        order = None if row[4] in ("exact", FLOOR) else _order(found, sign)
        yield replace(found, note=join(found.note, order))
    ours, theirs = (pd.concat([drawn[pair[side]] for pair in pairs]) for side in (0, 1))
    made, others = (rows.groupby("item")[["forwards", "backwards"]].mean().sum(axis=1) for rows in (ours, theirs))
    column = "evaluations, ratio"
    if not others.all():
        yield Cell(row, column, count=0, note="N/A: the other sampler makes no evaluations")
        return
    ratio = (made / others).dropna()
    yield Cell(row, column, float(ratio.mean()), *interval(ratio.to_numpy()), len(ratio))


def _order(cell: Cell, sign: int) -> str | None:
    """Return whether the interval confirms the paper's order, in words; None if there is no interval."""
    if cell.low is None or cell.high is None:
        return None
    if cell.low <= 0 <= cell.high:
        return "order open"
    return "order confirmed" if sign * cell.low > 0 else "order reversed"
