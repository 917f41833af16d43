"""Panels of means with their intervals, a row for each sampler."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from posterity.figures import style
from posterity.tables.cells import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["panel"]


def panel(ax: Axes, found: Sequence[Cell | None], floors: Collection[str], pushed: Collection[tuple[str, ...]]) -> None:
    """Draw a row for each cell, whose axis begins at 0.

    Arguments:
        ax: the panel.
        found: None where there is no value.
        floors: samplers whose intervals are bands over all rows.
        pushed: runs with guidance, whose markers are open.
    """
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.5)
    ax.set_axisbelow(True)
    for y, cell in enumerate(found):
        if cell is None or cell.value is None:
            ax.annotate("N/A", (0.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=6, color=style.GREY)
            continue
        low, high = (cell.low, cell.high) if cell.low is not None and cell.high is not None else (cell.value,) * 2
        sampler = cell.row[3]
        guided, floor = cell.row in pushed, sampler in floors
        if floor:
            ax.axvspan(low, high, color=style.COLOURS["green"], alpha=0.18, linewidth=0)
        colour = style.COLOURS["green" if floor else "orange" if guided else "blue"]
        drawn = ax.plot([low, high], [y, y], color=colour, linewidth=1.4, solid_capstyle="butt")
        drawn += ax.plot(cell.value, y, "o", color=colour, markersize=4, markerfacecolor="white" if guided else colour)
        style.mark(sampler, *drawn)
    ax.set_xlim(left=min(0.0, ax.get_xlim()[0]))
