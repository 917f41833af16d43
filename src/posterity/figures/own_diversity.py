"""Diversity of each sampler relative to that of the exact posterior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.figures import _intervals, style
from posterity.tables import _runs
from posterity.tables.cells import Cell, interval, item_means, mean_cell
from posterity.tables.exact_posterior import FLOOR
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("exact_diversity",)
SECTION = "exact"
TITLE = "Diversity beside the posterior's own"
_METRIC, _EXACT = "diversity", "exact"
_PANELS = {_METRIC: "diversity of a set", "apart": "distance from the exact diversity of the item"}


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - `where` restricts the frames
    """Draw two panels for every (dataset, task, prior): means, and by how much items miss the exact posterior's."""
    rows = _runs.shown(frames.frame("metrics"))
    found = {run: own[own["metric"] == _METRIC] for run, own in _runs.runs(rows)}
    found = {run: own for run, own in found.items() if own["value"].notna().any()}
    places = [run[:3] for run in found if run[3] == _EXACT and any(r[:3] == run[:3] and r[3] != _EXACT for r in found)]
    if not places:
        raise frames.missing("metrics", none=f"with {_METRIC} of exact draws and of another sampler")
    cells = {(run, _METRIC): mean_cell(run, _METRIC, own) for run, own in found.items() if run[:3] in places}
    cells |= {
        (run, "apart"): _apart(run, own, found[*run[:3], _EXACT])
        for run, own in found.items() if run[:3] in places
    }  # fmt: skip
    samplers = sorted({run[3] for run, _ in cells}, key=lambda name: (name not in (_EXACT, FLOOR), name))
    guided = {tuple(a.key.values()) for a in frames.of("samples") if a.recipe.wrapper("diversity")}
    figure, axes = style.canvas(7.2, (0.17 * len(samplers) + 0.75) * len(places), len(places), 2, sharey=True)
    for k, place in enumerate(places):
        for ax, (column, words) in zip(axes[2 * k : 2 * k + 2], _PANELS.items(), strict=True):
            shown = [cells.get(((*place, name), column)) for name in samplers]
            _intervals.panel(ax, shown, [_EXACT if column == _METRIC else FLOOR], guided)
            ax.set_xlabel(words)
        axes[2 * k].set_title(" · ".join(style.name(part) for part in place[:2]), loc="left")
        axes[2 * k].set_yticks(range(len(samplers)), [style.sampler(frames, name) for name in samplers])
    caption = (
        "Left: mean distance between the samples of a set; the band is the exact posterior's own, and a sampler to its "
        "right is too diverse, one to its left too little. Right: how far the sets of single items are from the exact "
        "ones in this; the band is the floor, a second exact sampler. Means over items with 95 % bootstrap intervals. "
        f"Under prior {', '.join(sorted({p for *_, p in places}))}."
    )
    return style.Drawn(figure, caption, [_record(cell) for cell in cells.values()])


def _apart(run: tuple[str, ...], own: pd.DataFrame, exact: pd.DataFrame) -> Cell:
    """Return the mean over items of |diversity - that of exact draws|."""
    apart = (item_means(own) - item_means(exact)).dropna().abs().to_numpy()
    if not len(apart):
        return Cell(run, "apart", count=0, note="N/A: no item in common with exact draws")
    return Cell(run, "apart", float(apart.mean()), *interval(apart), len(apart))


def _record(cell: Cell) -> dict[str, Any]:
    about = dict(zip(KEYS, cell.row, strict=True))
    return about | {"column": cell.column, "value": cell.value, "low": cell.low, "high": cell.high, "items": cell.count}
