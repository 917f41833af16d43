"""Kurtosis of posterior pools against that of Gaussians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import style
from posterity.tables.frames import Frames
from posterity.tables.kurtosis import HEAVY, gaussians, kurtoses
from posterity.tables.pools import FEATURES

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("pool",)
SECTION = "analysis"
TITLE = "Tails of posteriors and of Gaussians"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per kind of features and one box per sampler over all its pools."""
    from matplotlib.ticker import LogLocator, NullLocator

    found = kurtoses(frames)
    kinds = [k for k in FEATURES if any(row[4] == k for row in found)]
    samplers = sorted({row[3] for row in found})
    figure, axes = style.canvas(1.2 * len(kinds) + 0.55 * len(kinds) * (len(samplers) + 1), 2.4, 1, len(kinds))
    collections = 0
    for ax, kind in zip(axes, kinds, strict=True):
        runs = {row: f for row, f in found.items() if row[4] == kind}
        shape = next((samples, dimension) for _, samples, dimension in runs.values())
        boxes = [[v for row, f in runs.items() if row[3] == s for v in f[0]] for s in samplers]
        collections = max(collections, sum(map(len, boxes)))
        names = [*(style.sampler(frames, s) for s in samplers), "Gaussian"]
        drawn = ax.boxplot(
            [*boxes, gaussians(*shape)], whis=(5, 95), tick_labels=names, patch_artist=True, widths=0.55,
            flierprops={"marker": ".", "markersize": 3, "markeredgewidth": 0, "markerfacecolor": style.GREY},
            medianprops={"color": style.INK},
        )  # fmt: skip
        for k, box in enumerate(drawn["boxes"]):
            box.set(facecolor=style.COLOURS["sky" if k == len(samplers) else "orange"], linewidth=0.6)
        ax.axhline(HEAVY, color=style.GREY, linewidth=0.6, linestyle=(0, (4, 3)))
        ax.set(title=kind, ylabel="kurtosis", yscale="log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="x", labelrotation=30)
    caption = (
        f"Kurtosis along the first principal component of {collections} pools and of 800 Gaussian pools of the same "
        "size and dimension (identity covariance); whiskers at the 5th and 95th percentiles, dashed at 5."
    )
    return style.Drawn(figure, caption)
