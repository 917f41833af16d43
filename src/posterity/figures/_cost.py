"""Panels of what a sampler reaches against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

from posterity.figures import style
from posterity.tables.cells import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Point", "beside", "grid", "panel"]

_ACROSS = 2
_STEP = 1.12
"""Between points of the same cost, as a factor."""
_BESIDE = 1.2
"""A marker whose cost is larger by a smaller factor is where a name would stand."""
_NEAR = 2.5
"""Names of points whose costs differ by a smaller factor may cover one another."""


@dataclass(frozen=True)
class Point:
    """A run.

    Arguments:
        cell: its value with an interval.
        cost: > 0.
        words: its name for people.
        look: of its marker.
    """

    cell: Cell
    cost: float
    words: str
    look: dict[str, Any]

    @property
    def value(self) -> float:
        """Height of its marker."""
        return self.cell.value or 0.0


def grid(places: Sequence[tuple[str, ...]]) -> tuple[Figure, list[Axes]]:
    """Return a figure with one titled panel per (dataset, task, prior), two in a row.

    Titles name the prior where panels differ in it alone.
    """
    told = 2 if len({place[:2] for place in places}) == len(places) else 3
    across = min(_ACROSS, len(places))
    down = ceil(len(places) / across)
    figure, axes = style.canvas(3.4 * across + 0.3, 2.35 * down, down, across)
    for ax, place in zip(axes, places, strict=False):
        ax.set_title(" · ".join(style.name(part) for part in place[:told]), loc="left")
    for ax in axes[len(places) :]:
        ax.axis("off")
    return figure, list(axes[: len(places)])


def panel(ax: Axes, points: list[Point], floor: Cell | None, called: str) -> None:
    """Draw points with their names over a logarithmic axis of costs, and the floor as a band that is ``called`` so."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(color="#eeeeee", linewidth=0.5)
    ax.set_axisbelow(True)
    if floor is not None and floor.value is not None:
        if floor.low is not None and floor.high is not None:
            ax.axhspan(floor.low, floor.high, color=style.COLOURS["green"], alpha=0.18, linewidth=0)
        ax.axhline(floor.value, color=style.COLOURS["green"], linewidth=0.8)
        ax.annotate(
            called, (1, floor.value), (-2, 1), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="right", va="bottom", fontsize=6.5, color=style.COLOURS["green"],
        )  # fmt: skip
    costs = [one.cost for one in points]
    ax.set_xlim(min(costs) / 1.5, max(costs) * 2.9)  # room for names to the right
    top = max(one.cell.high or one.value for one in points)
    ax.set_ylim(0, 1.08 * top)
    for one, cost, height in _apart(points, 0.066 * top):
        _mark(ax, one, cost, height)


def beside(points: list[Point]) -> list[Point]:
    """Move points of one cost a little beside one another, so that none covers another."""
    out = []
    for cost in dict.fromkeys(one.cost for one in points):
        same = [one for one in points if one.cost == cost]
        out += [replace(one, cost=cost * _STEP ** (k - (len(same) - 1) / 2)) for k, one in enumerate(same)]
    return out


def _apart(points: list[Point], least: float) -> list[tuple[Point, float, float]]:
    """Return each point with the place of its name, a cost and a height.

    Names of about the same cost stand ``least`` above one another, and to the right of markers that they would cover.
    """
    out: list[tuple[Point, float, float]] = []
    for one in sorted(points, key=lambda point: point.value):
        near = [height for other, _, height in out if 1 / _NEAR < one.cost / other.cost < _NEAR]
        height = max([one.value, *(height + least for height in near)])
        level = [other.cost for other in points if abs(other.value - height) < least]
        cost = one.cost
        for other in sorted(level):
            cost = other if cost < other < cost * _BESIDE else cost
        out.append((one, cost, height))
    return out


def _mark(ax: Axes, one: Point, cost: float, height: float) -> None:
    drawn: list[Any] = []
    if one.cell.low is not None and one.cell.high is not None:
        drawn += ax.plot([one.cost] * 2, [one.cell.low, one.cell.high], color=one.look["color"], linewidth=1)
    drawn += ax.plot(one.cost, one.value, linestyle="none", **one.look)
    words = ax.annotate(one.words, (cost, height), (5, 0), textcoords="offset points", va="center", fontsize=6.5)
    style.mark(one.cell.row[3], *drawn, words)
