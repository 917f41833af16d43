"""Discarding before choosing, in inpainting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _discard, style
from posterity.tables.frames import Frames
from posterity.tables.pools import large
from posterity.tables.task_kinds import inpainting, of_a_face

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("pool:inpaint",)
SECTION = "gallery"
TITLE = "Discarding before choosing: inpainting"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one item of the first such run, preferring faces; ``discard_natural`` shows the others."""
    faces = any(of_a_face(frames.task(a.key)) and large(a) for a in frames.of("samples"))
    return _discard.draw(frames, settings, "inpainting", of_a_face if faces else inpainting)
