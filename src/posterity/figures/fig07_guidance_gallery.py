"""Restorations without and with diversity guidance, by the same noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "gallery"
TITLE = "Diversity guidance"
_SHOWN = 5


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """A row for every item and sampler that was run both ways on one task."""
    runs = {tuple(a.key.values()): a for a in frames.of("samples")}
    guided = choose.first(frames, "is a guided run beside its vanilla partner", lambda a: _vanilla(a.key) in runs)
    setting = {k: guided.key[k] for k in ("dataset", "task", "prior")}
    pairs = [a.key for a in frames.of("samples", **setting) if _vanilla(a.key) in runs]
    pictures = choose.measured(frames, setting)
    rows = []
    chosen = choose.items(pictures, settings, 3)
    for k, key in enumerate(pairs):
        vanilla = dict(zip(key, _vanilla(key) or (), strict=True))
        sets = [choose.pool(frames, run) for run in (vanilla, key)]
        for n, item in enumerate(chosen):
            truth, seen = pictures[item]
            left, right = ([gallery.pixels(i) for i in s[s["item"] == item]["signal"][:_SHOWN]] for s in sets)
            label = style.name(vanilla["sampler"]) if n == 0 else ""
            rows.append(gallery.Row(label, [[truth], left, [seen], right], apart=n == 0 and k > 0))
    caption = (
        f"The first {_SHOWN} samples without (left) and with guidance (right), drawn with the same noise; "
        f"{choose.described(setting)}."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "vanilla", "measured", "guided"]), caption)


def _vanilla(key: Mapping[str, str]) -> tuple[str, ...] | None:
    """The key of the partner without guidance, as a tuple; None for a run that is not guided."""
    if not key["sampler"].endswith("_guided"):
        return None
    return tuple(v.removesuffix("_guided") if k == "sampler" else v for k, v in key.items())
