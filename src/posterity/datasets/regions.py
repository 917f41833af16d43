"""Regions of aligned faces. Those of smileys were placed by hand where drawings differ from the blank face."""

from __future__ import annotations

import numpy as np

from posterity.datasets.items import Mask

__all__ = ["faces", "smileys"]

# rows from, to; columns from, to (ends excluded), for 64×64. "eyes", "mouth" and the rest are the
# blocks of the blockwise prior; each task hides a part of one block only, so that one block explains it.
_BOXES = {
    "eyes": (14, 34, 12, 52),
    "eyes_large": (15, 34, 13, 51),
    "eyes_small": (22, 33, 17, 47),
    "mouth": (34, 53, 14, 50),
    "mouth_large": (34, 52, 15, 49),
    "mouth_small": (35, 49, 20, 44),
}
_CENTRE, _RADIUS = 32.0, 21.4  # the face's circle including its outline: 23 + 1 of the icon's 72 units


def smileys(size: int) -> dict[str, Mask]:
    """Return the regions (size, size) of smileys, true inside: the boxes above, and the disc ``face``."""
    scale = size / 64
    masks = {}
    for name, box in _BOXES.items():
        top, bottom, left, right = (round(edge * scale) for edge in box)
        masks[name] = np.zeros((size, size), dtype=bool)
        masks[name][top:bottom, left:right] = True
    rows, columns = (np.indices((size, size)) + 0.5) / scale - _CENTRE
    masks["face"] = np.hypot(rows, columns) <= _RADIUS
    return masks


def faces(size: int) -> dict[str, Mask]:
    """Return boxes (size, size), true inside, around eyes and mouth of faces aligned as in CelebA-HQ and FFHQ.

    Both were cropped by one rule from landmarks (Karras et al. 2018, App. C), so one box fits all faces.
    """
    from posterity.operators import mask_shapes

    boxes = mask_shapes.FACE_PARTS
    return {name: mask_shapes.box(size, size, *borders)[0].numpy() == 0 for name, borders in boxes.items()}
