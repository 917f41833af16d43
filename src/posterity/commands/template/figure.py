"""Template: in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import style
from posterity.tables.frames import KEYS, Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("run",)  # what an experiment must make; "run:sr" for a task with this operator
SECTION = "analysis"
TITLE = "Template"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001
    """Draw one bar per run: prior evaluations per sample."""
    rows = frames.frame("samples", (*KEYS, "method", "wrappers", "item", "forwards"))
    means = rows.groupby(list(KEYS))["forwards"].mean()
    figure, (axes,) = style.canvas(4, 0.6 + 0.3 * len(means))
    axes.barh([style.sampler(frames, run[-1]) for run in means.index], means.to_numpy(), color=style.COLOURS["sky"])
    axes.set(xlabel="prior evaluations per sample")
    return style.Drawn(figure, f"The mean over the items of {len(means)} runs.")
