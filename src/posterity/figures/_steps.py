"""Galleries along a sweep of guidance (Cohen et al. 2024, Figs. 15 and 16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from posterity.figures import choose, gallery, style
from posterity.tables import _sweep
from posterity.tables.frames import Frames

__all__ = ["draw"]

_SHOWN = 5


def draw(frames: Frames, settings: Mapping[str, Any], vary: str, label: Callable[[_sweep.Step], str]) -> style.Drawn:
    """Draw for each item one row per step of the longest sweep."""
    place, fixed, steps = max(_sweep.groups(frames, vary), key=lambda g: len(g[2]))
    pictures = choose.measured(frames, steps[0].artifact.key)
    pools = [choose.pool(frames, s.artifact.key) for s in steps]
    rows = []
    for number, item in enumerate(choose.items(pictures, settings, 2)):
        for k, (step, pool) in enumerate(zip(steps, pools, strict=True)):
            truth, seen = pictures[item] if k == 0 else (None, None)
            shown = [gallery.pixels(i) for i in pool[pool["item"] == item]["signal"][:_SHOWN]]
            rows.append(gallery.Row(label(step), [[truth], [seen], shown], apart=k == 0 and number > 0))
    kept = f"reach {fixed}" if vary == "eta" else f"eta {fixed}"
    caption = (
        f"The same noise in every row, guidance with {kept}; dataset {place[0]}, task {place[1]}, prior {place[2]}, "
        f"method {place[3]}."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "measured", f"first {_SHOWN} samples"]), caption)
