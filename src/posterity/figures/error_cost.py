"""What accuracy costs in an experiment: a sampler's distance from exact draws against its evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

from posterity.figures import style
from posterity.tables import exact_posterior
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("reference",)
SECTION = "exact"
TITLE = "Error against cost"
_METRIC = "sliced_wasserstein"
_ACROSS = 2
_STEP = 1.12
"""Between points of the same cost, as a factor."""
_NEAR = 2.5
"""Names of points whose costs differ by a smaller factor may cover one another."""


@dataclass(frozen=True)
class _Point:
    cell: Cell
    cost: float
    words: str
    look: dict[str, Any]

    @property
    def value(self) -> float:
        return self.cell.value or 0.0


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - `where` restricts the frames
    """Draw a panel for every (dataset, task, prior): exact draws are a line, their floor a band, samplers points."""
    cells = [c for c in exact_posterior.cells(frames) if c.column == _METRIC and c.value is not None]
    costs = _costs(frames)
    places = list(dict.fromkeys(c.row[:3] for c in cells if costs.get(c.row, 0) > 0))
    if not places:
        raise frames.missing("samples", none="of a sampler that takes evaluations, with its distance to exact draws")
    samplers = sorted({c.row[3] for c in cells if costs.get(c.row, 0) > 0})
    looks = dict(zip(samplers, style.looks(len(samplers)), strict=True))
    across = min(_ACROSS, len(places))
    down = ceil(len(places) / across)
    figure, axes = style.canvas(3.4 * across + 0.3, 2.35 * down, down, across)
    for ax, place in zip(axes, places, strict=False):
        here = [c for c in cells if c.row[:3] == place]
        points = [
            _Point(c, costs[c.row], style.sampler(frames, c.row[3]), looks[c.row[3]])
            for c in here if costs.get(c.row, 0) > 0
        ]  # fmt: skip
        _panel(ax, _beside(points), next((c for c in here if c.row[3] == exact_posterior.FLOOR), None))
        ax.set_title(" · ".join(style.name(part) for part in place[:2]), loc="left")
    for ax in axes[len(places) :]:
        ax.axis("off")
    figure.supxlabel("evaluations of the prior a draw, forwards and backwards", fontsize=8)
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
    """Evaluations of a draw by run."""
    rows = frames.frame("samples", (*KEYS, "forwards", "backwards"))
    means = (rows["forwards"] + rows["backwards"]).groupby([rows[k] for k in KEYS]).mean()
    return {tuple(map(str, key)): float(value) for key, value in means.items()}


def _panel(ax: Axes, points: list[_Point], floor: Cell | None) -> None:
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
            "floor", (1, floor.value), (-2, 1), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="right", va="bottom", fontsize=6.5, color=style.COLOURS["green"],
        )  # fmt: skip
    costs = [one.cost for one in points]
    ax.set_xlim(min(costs) / 1.5, max(costs) * 2.9)  # room for names to the right
    top = max(one.cell.high or one.value for one in points)
    ax.set_ylim(0, 1.08 * top)
    for one, height in _apart(points, 0.066 * top):
        _mark(ax, one, height)


def _beside(points: list[_Point]) -> list[_Point]:
    """Move points of one cost a little beside one another, so that none covers another."""
    out = []
    for cost in dict.fromkeys(one.cost for one in points):
        same = [one for one in points if one.cost == cost]
        out += [replace(one, cost=cost * _STEP ** (k - (len(same) - 1) / 2)) for k, one in enumerate(same)]
    return out


def _apart(points: list[_Point], least: float) -> list[tuple[_Point, float]]:
    """Return each point with the height of its name: names of about the same cost stand ``least`` above one another."""
    out: list[tuple[_Point, float]] = []
    for one in sorted(points, key=lambda point: point.value):
        near = [height for other, height in out if 1 / _NEAR < one.cost / other.cost < _NEAR]
        out.append((one, max([one.value, *(height + least for height in near)])))
    return out


def _mark(ax: Axes, one: _Point, height: float) -> None:
    drawn: list[Any] = []
    if one.cell.low is not None and one.cell.high is not None:
        drawn += ax.plot([one.cost] * 2, [one.cell.low, one.cell.high], color=one.look["color"], linewidth=1)
    drawn += ax.plot(one.cost, one.value, linestyle="none", **one.look)
    words = ax.annotate(one.words, (one.cost, height), (5, 0), textcoords="offset points", va="center", fontsize=6.5)
    style.mark(one.cell.row[3], *drawn, words)
