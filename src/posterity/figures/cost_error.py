"""Cost of accuracy: a sampler's distance from exact draws against its network evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Any

from posterity.figures import style
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "exact"
TITLE = "Error against cost"
STATISTIC = "sliced_wasserstein"
_WIDE = 0.35
"""Width of a name, in units of log cost."""


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - all that is in the artifact
    """Draw one log-log panel per (prior, task) with the Pareto front."""
    points = _points(frames.frame("certificates"))
    samplers = sorted(set(points["sampler"]))
    looks = dict(zip(samplers, style.looks(len(samplers)), strict=True))
    priors, tasks = (list(dict.fromkeys(points[k])) or ["nothing"] for k in ("prior", "task"))
    width = max(1.1 + 1.9 * len(tasks), 3.4)
    figure, axes = style.canvas(
        width, 0.5 + 1.75 * len(priors), len(priors), len(tasks), sharex=True, sharey=True
    )  # fmt: skip
    for k, ax in enumerate(axes):
        prior, task = priors[k // len(tasks)], tasks[k % len(tasks)]
        here = points[(points["prior"] == prior) & (points["task"] == task)]
        _panel(ax, here, looks)
        ax.set_title(f"{prior} · {task}", loc="left")
    figure.supxlabel("network evaluations, forward and backward", fontsize=8)
    figure.supylabel("sliced Wasserstein distance, in floors", fontsize=8)
    handles = [axes[0].plot([], [], linestyle="none", label=style.name(n), **look)[0] for n, look in looks.items()]
    if handles:
        figure.legend(handles=handles, loc="outside right upper", handletextpad=0.2)
    caption = (
        "Sliced Wasserstein distance from exact draws, in units of its floor, the distance of other exact draws at "
        "the same number, against the network evaluations that a restoration takes. Line: nothing is both cheaper "
        "and nearer. Band: up to 1.25 floors. Samplers without evaluations (exact draws) and runs that diverged are "
        "left out."
    )
    return style.Drawn(figure, caption)


def _points(rows: pd.DataFrame) -> pd.DataFrame:
    """Return (sampler, prior, task, cost, error) of certificates with both cost and error."""
    rows = rows[(rows["statistic"] == STATISTIC) & (rows["part"] == "") & (rows["overall"] != "diverged")]
    rows = rows[rows["value"].notna() & (rows["floor"] > 0)]
    out = rows[["sampler", "prior", "task"]].copy()
    out["cost"] = rows["forwards"] + rows["backwards"]
    out["error"] = rows["value"] / rows["floor"]
    return out[out["cost"] > 0]


def _plain(axis: Axis) -> None:
    """Label the axis with 1, 2, 5, 10, … instead of powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _panel(ax: Axes, points: pd.DataFrame, looks: Mapping[str, dict[str, Any]]) -> None:
    ax.set(xscale="log", yscale="log")
    _plain(ax.xaxis)
    _plain(ax.yaxis)
    ax.axhspan(0.8, 1.25, color=style.COLOURS["green"], alpha=0.15, linewidth=0)
    ax.grid(color="#eeeeee", linewidth=0.5)
    ax.set_axisbelow(True)
    if points.empty:
        ax.annotate("N/A", (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize=6, color=style.GREY)
        return
    front = _front(points)
    ax.plot(front["cost"], front["error"], drawstyle="steps-post", color=style.GREY, linewidth=0.8, zorder=1)
    for row in points.itertuples():
        ax.plot(row.cost, row.error, linestyle="none", zorder=2, **looks[row.sampler])
    for row in _apart(front).itertuples():
        at, how = (row.cost, row.error), {"textcoords": "offset points", "va": "top", "fontsize": 5.5}
        ax.annotate(style.name(row.sampler), at, (3, -2), **how)


def _front(points: pd.DataFrame) -> pd.DataFrame:
    """Return the Pareto front, sorted by cost."""
    ordered = points.sort_values(["cost", "error"])
    best = ordered["error"].cummin()
    return ordered[(ordered["error"] == best) & ~best.duplicated()]


def _apart(front: pd.DataFrame) -> pd.DataFrame:
    """Return the points of the front that can be labelled without overlap, preferring the smallest errors."""
    kept: list[Any] = []
    for row in front[::-1].itertuples():
        if all(log(other.cost / row.cost) > _WIDE for other in kept):
            kept.append(row)
    return front.loc[[row.Index for row in kept]]
