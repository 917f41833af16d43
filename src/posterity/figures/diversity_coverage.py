"""Diversity against coverage of each rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _study, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("study_of_coverage",)
SECTION = "study"
TITLE = "Diversity against coverage"
_COLOURS = {"random": "blue", "kmeans": "green", "uniformization": "purple", "fps": "red"}
_BY_CONSTRUCTION = 50.0


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per run and one point with two intervals per rule."""
    found = _study.scores(frames, lambda s: s.approach in _COLOURS and s.study != "paired_quality", "chosen sets")
    by_place = {(s.run, s.approach, s.study): s for s in found}
    runs = sorted({s.run for s in found if s.study == "coverage"})
    if not runs:
        raise frames.missing("responses", none="about coverage")
    figure, axes = style.canvas(2.9 * len(runs), 3.0, 1, len(runs))
    for ax, run, title in zip(axes, runs, _study.labels(runs), strict=True):
        for approach, colour in _COLOURS.items():
            y, x = (by_place.get((run, approach, study)) for study in ("coverage", "paired_diversity"))
            if y is None or (x is None and approach != "random"):
                continue
            at = x.value if x else _BY_CONSTRUCTION
            how = {"color": style.COLOURS[colour], "linewidth": 1, "solid_capstyle": "butt"}
            if x:
                ax.plot([x.low, x.high], [y.value] * 2, **how)
            ax.plot([at, at], [y.low, y.high], **how)
            name = style.name(approach)
            ax.plot(at, y.value, "o", color=style.COLOURS[colour], markersize=5, clip_on=False, label=name)
        ax.axvline(_BY_CONSTRUCTION, color=style.GREY, linewidth=0.6, linestyle=(0, (4, 3)))
        ax.set(title=title, xlabel="diversity, % preferred to random", ylabel="coverage, % yes")
        ax.set(xlim=(0, 100), ylim=(0, 100))
    _study.legend(figure, axes)
    caption = "Random samples stand at 50 % diversity by construction. " + _study.label(figure, found[0].simulated)
    return style.Drawn(figure, caption)
