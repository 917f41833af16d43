"""Restorations without and with diversity guidance or another wrapper, from the same noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("partners",)
SECTION = "gallery"
TITLE = "Diversity guidance"
_SHOWN = 5


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one row per item and sampler that was run both ways on one task."""
    wrapped = {a.path for _, a in frames.pairs()}
    first = choose.first(frames, "is a wrapped run beside its plain partner", lambda a: a.path in wrapped)
    setting = {k: first.key[k] for k in ("dataset", "task", "prior")}
    pairs = frames.pairs(**setting)
    pictures = choose.measured(frames, setting)
    rows = []
    chosen = choose.items(pictures, settings, 3)
    for k, pair in enumerate(pairs):
        sets = [choose.pool(frames, run.key) for run in pair]
        words = style.sampler(frames, pair[1].key["sampler"])
        for n, item in enumerate(chosen):
            truth, seen = pictures[item]
            left, right = ([gallery.pixels(i) for i in s[s["item"] == item]["signal"][:_SHOWN]] for s in sets)
            label = words if n == 0 else ""
            rows.append(gallery.Row(label, [[truth], left, [seen], right], apart=n == 0 and k > 0))
    caption = (
        f"The first {_SHOWN} samples of a sampler alone (left) and with what its label names (right), drawn with the "
        f"same noise; "
        f"{choose.described(setting)}."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "alone", "measured", "wrapped"]), caption)
