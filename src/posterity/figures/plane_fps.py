"""Farthest-point sampling of part of the toy's pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _plane, style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "analysis"
TITLE = "Farthest-point sampling after random discarding"
_FIRST = (30, 100, 300, 1000)


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per number L of points kept first; needs no artifacts."""
    panels = [_plane.Chosen(f"FPS, L = {n}", _plane.choose("fps", first=n)) for n in _FIRST]
    return _plane.draw(
        panels,
        f"{_plane.COUNT} of the L points that are kept before farthest-point sampling begins: the more there are, the "
        "farther the chosen ones spread.",
    )
