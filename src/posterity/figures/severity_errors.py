"""Estimated against true error of severities, and the start times that follow (Fabian et al. 2024, Figs. 4 and 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.figures import style
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("metrics", "late_start")
SECTION = "analysis"
TITLE = "Severities and starts"
_PLACE = ("dataset", "task", "prior")


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - `where` restricts the frames
    """Draw two panels for every (dataset, task, prior): predicted against true variance, and the starts of items."""
    guesses = frames.frame("severity", (*_PLACE, "severity", "item", "v_hat", "v_bar")).dropna()
    guesses = guesses[(guesses["v_hat"] > 0) & (guesses["v_bar"] > 0) & np.isfinite(guesses["v_hat"])]
    # one variance for all measurements, of a fixed start, predicts nothing
    varied = guesses.groupby([*_PLACE, "severity"])["v_hat"].transform("nunique") > 1
    by_place = {place: rows for place, rows in guesses[varied].groupby(list(_PLACE))}  # noqa: C416
    if not by_place:
        raise frames.missing("severity", none="whose variance differs between measurements of a known truth")
    late = [a.key for a in frames.of("samples") if a.recipe.wrapper("flash") is not None]
    columns = (*KEYS, "item", "start")
    starts = frames.frame("samples", columns).dropna().groupby(list(KEYS))
    begun = {run: rows.groupby("item")["start"].mean() for run, rows in starts}
    runs = [run for key in late if (run := tuple(key[k] for k in KEYS)) in begun and begun[run].nunique() > 1]
    most = max([1, *(sum(run[:3] == place for run in runs) for place in by_place)])
    figure, axes = style.canvas(7.2, max(2.4, 0.2 * most + 1.0) * len(by_place), len(by_place), 2)
    for k, (place, rows) in enumerate(by_place.items()):
        _variances(axes[2 * k], rows)
        axes[2 * k].set_title(" · ".join(style.name(part) for part in place), loc="left")
        here = {style.sampler(frames, run[3]): begun[run] for run in runs if run[:3] == place}
        _starts(axes[2 * k + 1], here)
    caption = (
        "Left: the variance v̂ that a severity predicts for the error of its estimate against the true one, v̄, a point "
        "for each measurement; on the line they are equal. Right: the start index of each measurement (points) and the "
        "mean (bar) of late starts that differ between measurements; a start is the number of levels that are walked."
    )
    numbers = [
        {"kind": "variance", "severity or sampler": r.severity, "prior": r.prior, "item": r.item, "predicted": r.v_hat,
         "true": r.v_bar, "start": None} for rows in by_place.values() for r in rows.itertuples()
    ]  # fmt: skip
    numbers += [
        {"kind": "start", "severity or sampler": run[3], "prior": run[2], "item": item, "predicted": None, "true": None,
         "start": start} for run in runs for item, start in begun[run].items()
    ]  # fmt: skip
    return style.Drawn(figure, caption, numbers)


def _variances(ax: Axes, rows: pd.DataFrame) -> None:
    ends = [0.8 * rows[["v_hat", "v_bar"]].to_numpy().min(), 1.25 * rows[["v_hat", "v_bar"]].to_numpy().max()]
    ax.plot(ends, ends, color=style.GREY, linewidth=0.7, zorder=1)
    names = sorted(rows["severity"].unique())
    for severity, how in zip(names, style.looks(len(names)), strict=True):
        own = rows[rows["severity"] == severity]
        ax.plot(own["v_bar"], own["v_hat"], linestyle="none", label=severity, **how)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("true variance of the error, v̄")
    ax.set_ylabel("predicted, v̂")
    ax.legend()


def _starts(ax: Axes, begun: Mapping[str, pd.Series[Any]]) -> None:
    ax.set_xlabel("start index")
    ax.set_ylim(len(begun) - 0.4, -0.6)
    ax.set_yticks(range(len(begun)), [*begun])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.5)
    ax.set_axisbelow(True)
    for y, own in enumerate(begun.values()):
        ax.plot(own, [y] * len(own), "o", color=style.COLOURS["blue"], markersize=4, alpha=0.35, markeredgewidth=0)
        ax.plot([own.mean()] * 2, [y - 0.3, y + 0.3], color=style.INK, linewidth=1.4)
    ax.set_xlim(left=0)
