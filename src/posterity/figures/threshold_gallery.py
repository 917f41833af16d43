"""Restorations as guidance reaches farther."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _steps, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("reach_sweep",)
SECTION = "gallery"
TITLE = "Reach of guidance"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one row per reach."""
    return _steps.draw(frames, settings, "reach", lambda s: "no guidance" if s.reach.value == 0 else str(s.reach))
