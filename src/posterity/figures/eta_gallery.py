"""Restorations as the strength of guidance grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _steps, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("eta_sweep",)
SECTION = "gallery"
TITLE = "Strength of guidance"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one row per eta."""
    return _steps.draw(frames, settings, "eta", lambda step: f"η = {step.eta:g}")
