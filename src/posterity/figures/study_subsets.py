"""Diversity and coverage of the chosen sets, as answered in a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _study, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("study_of_subsets",)
SECTION = "study"
TITLE = "Perceived diversity and coverage of chosen sets"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw on the left how often a set is preferred over random samples for variety, on the right its coverage."""
    found = _study.scores(frames, lambda s: s.approach != "guided" and s.study != "paired_quality", "chosen sets")
    figure, (left, right) = style.canvas(6.6, 2.7, 1, 2)
    diversity, coverage = ([s for s in found if s.study == study] for study in ("paired_diversity", "coverage"))
    _study.panel(left, diversity, "more diverse than random samples", half=True)
    _study.panel(right, coverage, "covers a held-out sample", half=False)
    _study.legend(figure, [left, right])
    return style.Drawn(figure, _study.label(figure, found[0].simulated))
