"""PartImageNet: photographs of ImageNet with masks of their objects' parts."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from posterity import picture_reader
from posterity.assets.archives import opened
from posterity.datasets import pictures
from posterity.datasets.items import DataSet, Item, Mask, Outline, shuffled
from posterity.errors import PosterityError

__all__ = ["SPLITS", "outline", "prepare"]

_log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")
_TOTAL = 24_095
"""Number of photographs in all published splits."""
_BACKGROUND = 40
"""The label of the background; parts of all kinds of objects are 0 to 39."""
_LEAST, _MOST = 0.02, 0.6
_LICENSE = """\
Photographs of ImageNet (O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, 2015) with the masks
of PartImageNet (J. He et al., PartImageNet: A Large, High-Quality Dataset of Parts, 2022). ImageNet does not own the
copyright of the photographs: use them for non-commercial research and education only, and do not redistribute them.
Changes: centre-cropped and resized to {size}x{size} pixels.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of a published split; raise :class:`PosterityError` if it is unknown."""
    if select not in SPLITS:
        raise PosterityError(f"select is {select!r}, expected one of {', '.join(SPLITS)}")
    return Outline(_TOTAL if count is None else min(_TOTAL, count), own=("parts",))


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the photographs of one published split, all in split "test", each with its own region "parts".

    The bounding box of all parts after cropping must cover 2 % to 60 % of an item for meaningful inpainting; other
    items are excluded, as are items whose labels differ in size from the upright photograph.

    Arguments:
        source: PartImageNet_Seg.zip or the folder it unpacks to: ``images/SPLIT/WNID_NUMBER.JPEG`` and
            ``annotations/SPLIT/WNID_NUMBER.png``, whose levels are the parts.
        select: "train", "val" or "test".
        size: height and width in pixels.
        count: number of items, a fixed selection; None for all.
    """
    outline(select, count)
    with opened(source) as content:
        photographs = pictures.members(content, source, rf"images/{select}/(n\d+_\d+)\.JPEG", lambda match: match[1])
        labels = pictures.members(content, source, rf"annotations/{select}/(n\d+_\d+)\.png", lambda match: match[1])
        items: list[Item] = []
        for id in shuffled(photographs):
            if len(items) == count:
                break
            if id not in labels:
                raise PosterityError(f"{source}: {photographs[id]} has no annotations/{select}/{id}.png")
            levels = picture_reader.labels(content.read(labels[id]), labels[id])
            parts = pictures.cropped_mask(levels != _BACKGROUND, size)
            if not _LEAST <= _box(parts) <= _MOST:
                continue
            photograph = picture_reader.read(content.read(photographs[id]), photographs[id])
            if levels.shape != (
                photograph.height,
                photograph.width,
            ):  # its labels match the picture before rotation
                _log.warning("%s is left out: it is %dx%d upright, its labels are %dx%d", photographs[id],
                             *photograph.size, *levels.shape[::-1])  # fmt: skip
                continue
            wnid, pixels = id.partition("_")[0], pictures.cropped(photograph, size)
            items.append(Item(id, id, "photograph", "test", [wnid], pixels, {"parts": parts}))
    if not items:
        raise PosterityError(f"{source}: no item of split {select!r} has parts whose box covers 2 % to 60 % of it")
    return DataSet(sorted(items, key=lambda item: item.id), _LICENSE.format(size=size))


def _box(mask: Mask) -> float:
    """Return the share of the picture covered by the mask's bounding box."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0.0
    return float((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) / mask.size)
