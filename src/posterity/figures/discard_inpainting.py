"""Discarding before choosing, in inpainting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterity.figures import _discard, style
from posterity.tables.frames import Frames
from posterity.tables.pools import large

__all__ = ["SECTION", "TITLE", "draw"]

SECTION = "gallery"
TITLE = "Discarding before choosing: inpainting"


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """One item of the first such run, of the regions of a face where there is one: fig13 has the others."""

    faces = any(_discard.of_a_face(a) and large(a) for a in frames.of("samples"))
    fits = _discard.of_a_face if faces else _discard.of_something_else
    return _discard.draw(frames, settings, "inpainting", fits)
