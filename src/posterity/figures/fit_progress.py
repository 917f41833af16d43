"""Samples of VIPaint after fits of increasing length (Agarwal et al. 2025, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _fits, choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("fit_lengths",)
SECTION = "gallery"
TITLE = "Progress of the fit"
_SHOWN = 2


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw a row for each length of the fit under each item, with its first samples."""
    groups = _fits.fits(frames)
    if not groups:
        raise frames.missing("samples", none="of VIPaint with two numbers of iterations")
    place = groups[0].place
    here = [one for one in groups if one.place == place]
    lengths = sorted({length for one in here for length in one.runs})
    pictures = choose.measured(frames, dict(zip(("dataset", "task"), place[:2], strict=True)))
    pools = {(one.words, n): choose.pool(frames, run.key) for one in here for n, run in one.runs.items()}
    there = set.intersection(*(set(pool["item"]) for pool in pools.values()))
    rows = []
    for number, item in enumerate(choose.items(there, settings, 3)):
        for k, one in enumerate(here):
            truth, seen = pictures[item] if k == 0 else (None, None)
            shown = [_first(pools.get((one.words, n)), item) for n in lengths]
            rows.append(gallery.Row(one.words, [[truth], [seen], *shown], apart=k == 0 and number > 0))
    heads = [f"{n} iterations" if n == lengths[0] else f"{n}" for n in lengths]
    caption = (
        f"The first {_SHOWN} samples after a fit of so many iterations, each with the same noise in phase 2; "
        f"dataset {place[0]}, task {place[1]}, prior {place[2]}. No item was chosen by hand."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "measured", *heads]), caption)


def _first(pool: Any, item: str) -> list[gallery.Picture | None]:
    """Return the first samples of an item; nothing of a length that was not run."""
    found = [] if pool is None else [gallery.pixels(s) for s in pool[pool["item"] == item]["signal"][:_SHOWN]]
    return [*found, *[None] * (_SHOWN - len(found))]
