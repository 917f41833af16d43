"""Discarding before choosing, in inpainting of images other than faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _discard, style
from posterity.tables.frames import Frames
from posterity.tables.task_kinds import inpainting, of_a_face

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("pool_of_scenes",)
SECTION = "gallery"
TITLE = "Discarding before choosing: other images"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one item of the first inpainting run whose task does not hide regions of a face."""
    return _discard.draw(
        frames, settings, "inpainting other than of faces", lambda task: inpainting(task) and not of_a_face(task)
    )
