"""Distance of each sampler to the exact posterior, against the floor of a second exact sampler."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from posterity.figures import _intervals, style
from posterity.tables import exact_posterior
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("exact",)
SECTION = "exact"
TITLE = "Samplers against the floor"
_METRICS = {"tv": "total variation", "sliced_wasserstein": "sliced Wasserstein"}
_ACROSS = 2  # settings side by side


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw two panels per (dataset, task, prior): total variation and sliced Wasserstein distance."""
    cells = {(c.row, c.column): c for c in exact_posterior.cells(frames) if c.column in _METRICS}
    places = list(dict.fromkeys(row[:3] for row, _ in cells))
    samplers = [s for s in dict.fromkeys(row[3] for row, _ in cells) if s != "exact"]
    guided = _guided(frames)
    across = min(_ACROSS, len(places))
    down = ceil(len(places) / across)
    height = 0.17 * len(samplers) + 0.75
    figure, axes = style.canvas(0.9 + 4.0 * across, height * down, down, 2 * across, sharey=True)
    for k, place in enumerate(places):
        for m, (metric, words) in enumerate(_METRICS.items()):
            ax = axes[2 * k + m]
            found = [cells.get(((*place, s), metric)) for s in samplers]
            _intervals.panel(ax, found, [exact_posterior.FLOOR], guided)
            ax.set_xlabel(words)
            if m == 0:
                ax.set_title(" · ".join(style.name(part) for part in place), loc="left")
        axes[2 * k].set_yticks(range(len(samplers)), [style.sampler(frames, s) for s in samplers])
    for ax in axes[2 * len(places) :]:
        ax.axis("off")
    caption = (
        "Means over items with 95 % bootstrap intervals; 0 is exact. The band is the floor: a second exact sampler "
        "measured the same way. Open: with diversity guidance, which is not meant to be exact."
    )
    return style.Drawn(figure, caption, [_record(cell) for cell in cells.values()])


def _record(cell: Cell) -> dict[str, Any]:
    about = dict(zip(KEYS, cell.row, strict=True))
    return about | {"metric": cell.column, "value": cell.value, "low": cell.low, "high": cell.high}


def _guided(frames: Frames) -> set[tuple[str, ...]]:
    """Return the runs drawn with guidance."""
    return {tuple(a.key.values()) for a in frames.of("samples") if a.recipe.wrapper("diversity")}
