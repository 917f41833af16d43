"""Diversity and quality with guidance, as answered in a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _study, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("study_of_guidance",)
SECTION = "study"
TITLE = "Perceived diversity and quality with guidance"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw on the left how often the guided set is preferred for variety, on the right the guided image for quality."""
    found = _study.scores(frames, lambda s: s.approach == "guided", "guidance")
    runs = sorted({s.run for s in found})
    figure, axes = style.canvas(6.6, 1.0 + 0.2 * len(runs), 1, 2, sharey=True)
    for ax, study, title in zip(axes, ("paired_diversity", "paired_quality"), ("more diverse", "better"), strict=True):
        _study.rows(ax, [s for s in found if s.study == study], runs, f"guided is {title} than vanilla")
    return style.Drawn(figure, _study.label(figure, found[0].simulated))
