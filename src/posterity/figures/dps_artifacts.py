"""Saturated restorations of DPS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames
from posterity.tables.task_kinds import Task, inpainting, noisy, super_resolution

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("dps_noiseless",)
SECTION = "gallery"
TITLE = "Artifacts of DPS"
_SHOWN = 5


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw the items with the most saturated entries, for one run each of noiseless inpainting and super-resolution."""
    rows = []
    runs = [r for r in (_first(frames, inpainting), _first(frames, super_resolution)) if r]
    if not runs:
        raise frames.missing("samples", none="of the sampler dps in inpainting or noiseless super-resolution")
    for number, key in enumerate(runs):
        pictures = choose.measured(frames, key)
        ranked: dict[str, list[tuple[float, gallery.Picture]]] = {}
        for r in choose.pool(frames, key).itertuples():
            picture = gallery.pixels(r.signal)
            excess = _saturated(picture) - _saturated(pictures[r.item][0])
            ranked.setdefault(r.item, []).append((excess, picture))
        worst = sorted(ranked, key=lambda i: -max(e for e, _ in ranked[i]))[: int(settings.get("items", 2))]
        for k, item in enumerate(worst):
            found = sorted(ranked[item], key=lambda pair: -pair[0])[:_SHOWN]
            truth, seen = pictures[item]
            label = key["task"] if k == 0 else ""
            rows.append(gallery.Row(label, [[truth], [seen], [p for _, p in found]], apart=k == 0 and number > 0))
    caption = (
        "The samples with the largest share of entries at the ends of the range, beyond that of the truth; "
        f"{'; '.join(choose.words(k) for k in runs)}."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "measured", "most saturated samples"]), caption)


def _first(frames: Frames, fits: Callable[[Task], bool]) -> dict[str, str] | None:
    """Return the first run of DPS alone on a noiseless task that fits."""
    for artifact in frames.of("samples"):
        recipe, task = artifact.recipe, frames.task(artifact.key)
        if recipe.method == "dps" and not recipe.wrap and fits(task) and not noisy(task):
            return artifact.key
    return None


def _saturated(picture: gallery.Picture) -> float:
    return float(np.mean((picture == 0) | (picture == 255)))
