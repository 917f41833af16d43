"""Samples of the posterior against a meaningfully diverse set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _sets, choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("rules:random,fps",)
SECTION = "gallery"
TITLE = "Posterior samples and a meaningfully diverse set"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one row per item: random samples on the left, farthest-point sampling on the right."""
    run = _sets.with_rules(frames, "random", "fps")
    pictures, sets = choose.measured(frames, run.key), _sets.chosen(frames, run.key)
    rows = [
        gallery.Row("", [[pictures[i][1]], sets[i, "random"], sets[i, "fps"]])
        for i in choose.items((item for item, _ in sets), settings, 4)
    ]
    headings = ["measured", "samples of the posterior", "farthest-point sampling"]
    caption = f"Both sets come from the same pool of samples; {choose.words(run.key)}."
    return style.Drawn(gallery.draw(rows, headings), caption)
