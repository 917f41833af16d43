"""LPIPS from the truth against seconds per draw (Agarwal et al. 2025, Fig. 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.figures import _cost, _fits, style
from posterity.tables import _runs
from posterity.tables.cells import Cell, mean_cell
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("lpips",)
SECTION = "analysis"
TITLE = "Time against quality"
_METRIC = "lpips"
_EXACT = "exact"

Run = tuple[str, ...]


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - `where` restricts the frames
    """Draw a panel for every (dataset, task, prior): samplers are points, exact draws a band; lines join fits."""
    rows = _runs.shown(frames.frame("metrics"))
    every = [mean_cell(run, _METRIC, own[own["metric"] == _METRIC]) for run, own in _runs.runs(rows)]
    cells = {c.row: c for c in every if c.value is not None}
    seconds = _seconds(frames)
    methods = {tuple(a.key[k] for k in KEYS): a.recipe.method for a in frames.of("samples")}
    runs = [run for run in cells if methods.get(run, _EXACT) != _EXACT and seconds[run] > 0]
    if not runs:
        raise frames.missing("metrics", none=f"with {_METRIC} of a sampler that is not exact")
    names = sorted({run[3] for run in runs})
    looks = dict(zip(names, style.looks(len(names)), strict=True))
    words = {run: style.sampler(frames, run[3]) for run in runs}
    lines = [[tuple(a.key[k] for k in KEYS) for a in one.runs.values()] for one in _fits.fits(frames)]
    for one in _fits.fits(frames):
        words |= {tuple(a.key[k] for k in KEYS): f"{one.words} ({n})" for n, a in one.runs.items()}
    places = list(dict.fromkeys(run[:3] for run in runs))
    figure, panels = _cost.grid(places)
    for ax, place in zip(panels, places, strict=True):
        points = {r: _cost.Point(cells[r], seconds[r], words[r], looks[r[3]]) for r in runs if r[:3] == place}
        _cost.panel(ax, [*points.values()], cells.get((*place, _EXACT)), "exact draws")
        for line in lines:
            _join(ax, [points[run] for run in line if run in points])
    figure.supxlabel("seconds per draw, on the machine that made it", fontsize=8)
    figure.supylabel("LPIPS from the truth", fontsize=8)
    caption = (
        "LPIPS of samples from the truth, mean over items with its 95 % bootstrap interval, against a draw's share of "
        "its batch's seconds. In brackets the iterations of a fit where runs differ in these alone, joined by a line. "
        f"Band: exact draws. Under prior {', '.join(sorted({p for *_, p in places}))}."
    )
    return style.Drawn(figure, caption, [_record(c, seconds.get(c.row, 0.0)) for c in cells.values()])


def _join(ax: Axes, points: list[_cost.Point]) -> None:
    ax.plot([p.cost for p in points], [p.value for p in points], color=style.GREY, linewidth=0.7, zorder=1)


def _seconds(frames: Frames) -> dict[Run, float]:
    """Seconds of a draw by run."""
    rows = frames.frame("samples", (*KEYS, "seconds"))
    means = rows.groupby(list(KEYS))["seconds"].mean()
    return {tuple(map(str, key)): float(value) for key, value in means.items()}


def _record(cell: Cell, seconds: float) -> dict[str, Any]:
    about = dict(zip(KEYS, cell.row, strict=True))
    return about | {"seconds": seconds, _METRIC: cell.value, "low": cell.low, "high": cell.high, "items": cell.count}
