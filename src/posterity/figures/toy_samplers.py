"""Every sampler's distance to the exact posterior of the closed-form problems, instance by instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.figures import style
from posterity.tables import _toys
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("problems",)
SECTION = "exact"
TITLE = "Samplers on the closed-form problems"
_BOUNDS = {"exact": "green", "exact_score": "purple", "prior": "red"}


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per prior and dimension."""
    groups = list(_toys.plain(frames).groupby(["prior", "dim"]))
    samplers = max(rows["sampler"].nunique() for _, rows in groups)
    figure, axes = style.canvas(3.4 * len(groups) + 0.4, 0.24 * samplers + 0.9, 1, len(groups))
    for ax, (place, rows) in zip(axes, groups, strict=True):
        _panel(ax, rows)
        ax.set_title(f"{place[0]}, {place[1]} dimensions", loc="left")
        ax.set_xlabel(_toys.STATISTICS[rows["statistic"].iloc[0]])
    count = groups[0][1]["instance"].nunique()
    caption = (
        f"Small points: {count} instances, the same for all; large: their mean with a 95 % bootstrap interval; "
        "bar: median. Exact posterior is the floor, what as many exact draws score; exact score is the ancestral "
        "sampler with the posterior's own denoiser; the prior never looks at the measurement."
    )
    return style.Drawn(figure, caption)


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    order = list(rows.groupby("sampler")["value"].mean().sort_values().index)
    for y, sampler in enumerate(order):
        one = rows[rows["sampler"] == sampler]
        colour = style.COLOURS[_BOUNDS.get(sampler, "blue")]
        mean, low, high, median, diverged = _toys.summary(one)
        ax.plot(one["value"], [y] * len(one), "o", color=colour, markersize=2.2, alpha=0.35, markeredgewidth=0)
        ax.plot([median, median], [y - 0.28, y + 0.28], color=colour, linewidth=1.2)
        if low is not None and high is not None:
            ax.plot([low, high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
        ax.plot(mean, y, "o", color=colour, markersize=4.5)
        if diverged:
            ax.annotate(f"{diverged} diverged", (mean, y), xytext=(6, 4), textcoords="offset points", fontsize=6)
    ax.set_yticks(range(len(order)), [style.name(s) for s in order])
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.set_xlim(left=0)
