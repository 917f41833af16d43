"""Uniformization of part of the toy's pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _plane, style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "analysis"
TITLE = "Uniformization after discarding the least probable"
_KEPT = (0.90, 0.95, 0.98, 1.0)


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per kept fraction ρ of the pool; needs no artifacts."""
    panels = [_plane.Chosen(f"ρ = {kept:.0%}", _plane.choose("uniformization", keep_fraction=kept)) for kept in _KEPT]
    return _plane.draw(
        panels,
        f"{_plane.COUNT} points by Uniformization of the ρ most probable. The more of the improbable is kept, the less "
        "is shown of the middle Gaussian, which has 95 % of the mass.",
    )
