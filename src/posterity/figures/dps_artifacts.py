"""Saturated restorations of DPS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "gallery"
TITLE = "Artifacts of DPS"
_SHOWN = 5


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """For one run of inpainting and one of noiseless super-resolution, the items with most saturated entries."""
    rows = []
    runs = [r for r in (_first(frames, "inpaint"), _first(frames, "sr")) if r]
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


def _first(frames: Frames, family: str) -> dict[str, str] | None:
    for artifact in frames.of("samples"):
        task = artifact.key["task"]
        if artifact.key["sampler"] == "dps" and task.startswith(family) and not task.endswith("noisy"):
            return artifact.key
    return None


def _saturated(picture: gallery.Picture) -> float:
    return float(np.mean((picture == 0) | (picture == 255)))
