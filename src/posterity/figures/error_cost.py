"""Cost of accuracy in an experiment: a sampler's distance from exact draws against its evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _cost, style
from posterity.tables import exact_posterior
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("reference",)
SECTION = "exact"
TITLE = "Error against cost"
_METRIC = "sliced_wasserstein"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - `where` restricts the frames
    """Draw one panel per (dataset, task, prior): exact draws as a line, their floor as a band, samplers as points."""
    cells = [c for c in exact_posterior.cells(frames) if c.column == _METRIC and c.value is not None]
    costs = _costs(frames)
    places = list(dict.fromkeys(c.row[:3] for c in cells if costs.get(c.row, 0) > 0))
    if not places:
        raise frames.missing("samples", none="of a sampler that takes evaluations, with its distance to exact draws")
    samplers = sorted({c.row[3] for c in cells if costs.get(c.row, 0) > 0})
    looks = dict(zip(samplers, style.looks(len(samplers)), strict=True))
    figure, panels = _cost.grid(places)
    for ax, place in zip(panels, places, strict=True):
        here = [c for c in cells if c.row[:3] == place]
        points = [
            _cost.Point(c, costs[c.row], style.sampler(frames, c.row[3]), looks[c.row[3]])
            for c in here if costs.get(c.row, 0) > 0
        ]  # fmt: skip
        floor = next((c for c in here if c.row[3] == exact_posterior.FLOOR), None)
        _cost.panel(ax, _cost.beside(points), floor, "floor")
    figure.supxlabel("evaluations of the prior per draw, forward and backward", fontsize=8)
    figure.supylabel("sliced Wasserstein distance", fontsize=8)
    caption = (
        "Distance from exact draws, mean over items with its 95 % bootstrap interval, against the evaluations of the "
        "prior that a draw takes; samplers of the same cost stand beside one another. Band: the floor, other exact "
        "draws measured the same way. "
        f"Under prior {', '.join(sorted({p for *_, p in places}))}."
    )
    return style.Drawn(figure, caption, [_record(c, costs.get(c.row, 0.0)) for c in cells])


def _record(cell: Cell, cost: float) -> dict[str, Any]:
    about = dict(zip(KEYS, cell.row, strict=True))
    return about | {"evaluations": cost, _METRIC: cell.value, "low": cell.low, "high": cell.high, "items": cell.count}


def _costs(frames: Frames) -> dict[tuple[str, ...], float]:
    """Return {run: evaluations per draw}."""
    rows = frames.frame("samples", (*KEYS, "forwards", "backwards"))
    means = (rows["forwards"] + rows["backwards"]).groupby([rows[k] for k in KEYS]).mean()
    return {tuple(map(str, key)): float(value) for key, value in means.items()}
