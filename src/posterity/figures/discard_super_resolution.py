"""Discarding before choosing, in super-resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _discard, style
from posterity.tables.frames import Frames
from posterity.tables.task_kinds import super_resolution

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("pool:sr",)
SECTION = "gallery"
TITLE = "Discarding before choosing: super-resolution"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one item of the first such run."""
    return _discard.draw(frames, settings, "super-resolution", super_resolution)
