"""Four rules on the toy mixture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _plane, style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "analysis"
TITLE = "Rules on an imbalanced mixture"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw the pool and the subset of each rule; needs no artifacts."""
    panels = [_plane.Chosen(style.name(r), _plane.choose(r)) for r in ("random", "kmeans", "uniformization", "fps")]
    return _plane.draw(
        panels,
        f"{_plane.COUNT} of 1000 points drawn from ten Gaussians, the middle one with 95 % of the mass: how many "
        "of the ten each rule shows, and how many of its points are from the middle one.",
    )
