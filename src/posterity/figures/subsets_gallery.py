"""The subset that each rule chooses from the same pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _sets, choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("rules:random,kmeans,uniformization,fps",)
SECTION = "gallery"
TITLE = "Four ways to choose what is shown"
_RULES = ("random", "kmeans", "uniformization", "fps")


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw for each item one row per rule."""
    run = _sets.with_rules(frames, *_RULES)
    pictures, sets = choose.measured(frames, run.key), _sets.chosen(frames, run.key)
    rows = []
    for number, item in enumerate(choose.items((i for i, _ in sets), settings, 3)):
        for k, rule in enumerate(_RULES):
            truth, seen = pictures[item] if k == 0 else (None, None)
            apart = k == 0 and number > 0
            rows.append(gallery.Row(style.name(rule), [[truth], [seen], sets[item, rule]], apart))
    pool = int(choose.pool(frames, run.key).groupby("item").size().max())
    caption = f"Every set is chosen from the same {pool} samples of its item; {choose.words(run.key)}."
    return style.Drawn(gallery.draw(rows, ["truth", "measured", "shown"]), caption)
