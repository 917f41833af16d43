"""Diversity and quality with guidance, as answered in a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _study, style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "study"
TITLE = "Perceived diversity and quality with guidance"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Left: the guided set is preferred for variety. Right: the guided image for quality."""
    found = _study.scores(frames, lambda s: s.approach == "guided", "guidance")
    figure, (left, right) = style.canvas(5.2, 2.7, 1, 2)
    for ax, study, title in ((left, "paired_diversity", "more diverse"), (right, "paired_quality", "better")):
        _study.panel(ax, [s for s in found if s.study == study], f"guided is {title} than vanilla", half=True)
        ax.set_xticks([])
    _study.legend(figure, [left, right])
    return style.Drawn(figure, _study.label(figure, found[0].simulated))
