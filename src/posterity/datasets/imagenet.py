"""The validation images of ImageNet (ILSVRC 2012)."""

from __future__ import annotations

import re
from pathlib import Path

from posterity.assets.archives import opened
from posterity.datasets import pictures
from posterity.datasets.items import DataSet, Item, Outline

__all__ = ["outline", "prepare"]

_TOTAL = 50_000
_CLASSES = 1000

_LICENSE = """\
Validation photographs of ImageNet (O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, 2015).
ImageNet does not own the copyright of the photographs: use them for non-commercial research and education only, and do
not redistribute them. Changes: centre-cropped and resized to {size}x{size} pixels.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of a selection; raise :class:`PosterityError` if it is unknown."""
    return pictures.outlined(select, "imagenet", _TOTAL, count)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the photographs, all in split "test"; the class is an attribute if folders name it.

    If all classes have folders, ``class K`` is an attribute too: the rank of the folder's name, by which
    class-conditional networks know the class.

    Arguments:
        source: ILSVRC2012_img_val.tar, or a folder, flat or with one folder per class (``n01440764/…``).
        select: "all".
        size: height and width in pixels.
        count: number of items, a fixed selection; None for all.
    """
    with opened(source) as content:
        found = pictures.members(content, source, r"ILSVRC2012_val_(\d{8})\.JPEG", lambda match: match[1])
        wnids = {name: match[1] for name in found.values() if (match := re.search(r"(?:^|/)(n\d{8})/", name))}
        classes = sorted(set(wnids.values()))
        items = []
        for id in pictures.chosen(found, select, "imagenet", count):
            pixels = pictures.square(content.read(found[id]), size, found[id])
            attributes = [wnids[found[id]]] if found[id] in wnids else []
            if attributes and len(classes) == _CLASSES:
                attributes.append(f"class {classes.index(attributes[0])}")
            items.append(Item(id, f"photograph {id}", "photograph", "test", attributes, pixels))
    return DataSet(items, _LICENSE.format(size=size))
