"""Flickr-Faces-HQ: aligned photographs of faces, at any published size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posterity.assets.archives import opened
from posterity.datasets import pictures, regions
from posterity.datasets.items import DataSet, Item, Outline

__all__ = ["outline", "prepare"]

_TOTAL = 70_000

_LICENSE = """\
Photographs of Flickr-Faces-HQ (T. Karras, S. Laine and T. Aila, A Style-Based Generator Architecture for Generative
Adversarial Networks, 2019), made available by NVIDIA Corporation under CC BY-NC-SA 4.0. Each photograph was published
on Flickr by its author under a licence that the data set's ffhq-dataset-v2.json names. Changes: resized to
{size}x{size} pixels.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of a selection; raise :class:`PosterityError` if it is unknown."""
    return replace(pictures.outlined(select, "ffhq", _TOTAL, count), regions=regions.faces, described=False)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the faces, all in split "test", with boxes around eyes and mouth as regions.

    Arguments:
        source: an archive or folder with ``NNNNN.png``, as published (images1024x1024/00000/00000.png) or resized,
            or with ``imgNNNNNNNN.png``, as StyleGAN's tools write it.
        select: "all", or "flash", the 200 test items of Fabian et al. 2024.
        size: height and width in pixels.
        count: number of items, a fixed selection; None for all.
    """
    with opened(source) as content:
        pattern = r"(?:img)?(\d{5}|\d{8})\.(?:png|jpe?g|webp)"
        found = pictures.members(content, source, pattern, lambda match: f"{int(match[1]):05d}")
        items = []
        for id in pictures.chosen(found, select, "ffhq", count):
            pixels = pictures.square(content.read(found[id]), size, found[id])
            items.append(Item(id, f"face {id}", "face", "test", [], pixels))
    return DataSet(items, _LICENSE.format(size=size), regions.faces(size))
