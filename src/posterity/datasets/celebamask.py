"""CelebAMask-HQ: aligned photographs of faces with attributes, from the published archive or its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posterity.assets.archives import Archive, opened
from posterity.datasets import pictures, regions
from posterity.datasets.items import DataSet, Item, Outline
from posterity.errors import PosterityError

__all__ = ["outline", "prepare"]

_TOTAL = 30_000

_LICENSE = """\
Photographs of CelebAMask-HQ (C.-H. Lee, Z. Liu, L. Wu and P. Luo, MaskGAN: Towards Diverse and Interactive Facial
Image Manipulation, 2020), which are those of CelebA-HQ (T. Karras et al., 2018) and CelebA (Z. Liu et al., 2015). For
non-commercial research and education only; do not redistribute them. Changes: resized to {size}x{size} pixels.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of a selection; raise :class:`PosterityError` if it is unknown."""
    return replace(pictures.outlined(select, "celebamask", _TOTAL, count), regions=regions.faces)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the faces, all in split "test", with boxes around eyes and mouth as regions.

    Arguments:
        source: CelebAMask-HQ.zip or the folder it unpacks to: ``CelebA-HQ-img/NUMBER.jpg`` and
            ``CelebAMask-HQ-attribute-anno.txt``.
        select: "all", or "flash", the 200 test items of Fabian et al. 2024.
        size: height and width in pixels.
        count: number of items, a fixed selection; None for all.
    """
    with opened(source) as content:
        found = pictures.members(content, source, r"CelebA-HQ-img/(\d+)\.jpg", lambda match: f"{int(match[1]):05d}")
        seen = _attributes(content, source)
        items = []
        for id in pictures.chosen(found, select, "celebamask", count):
            pixels = pictures.square(content.read(found[id]), size, found[id])
            items.append(Item(id, f"face {id}", "face", "test", seen.get(id, []), pixels))
    return DataSet(items, _LICENSE.format(size=size), regions.faces(size))


def _attributes(content: Archive, source: Path) -> dict[str, list[str]]:
    """Return {id: attributes}, from a table with column names in its second line and values 1 or -1."""
    names = [name for name in content.names if name.rpartition("/")[2] == "CelebAMask-HQ-attribute-anno.txt"]
    if not names:
        raise PosterityError(f"{source} has no CelebAMask-HQ-attribute-anno.txt")
    lines = content.read(names[0]).decode(errors="replace").splitlines()
    if len(lines) < 2:
        raise PosterityError(f"{source}: {names[0]} has no line with the names of the attributes")
    columns = [name.lower().replace("_", "-") for name in lines[1].split()]
    out = {}
    for line in filter(str.strip, lines[2:]):
        file, *values = line.split()
        number = file.partition(".")[0]
        if not (number.isascii() and number.isdigit()):
            raise PosterityError(f"{source}: {names[0]}: {file!r} is not the name of a picture, like 0.jpg")
        if len(values) != len(columns):
            raise PosterityError(f"{source}: {names[0]}: {file} has {len(values)} attributes of {len(columns)}")
        out[f"{int(number):05d}"] = [c for c, v in zip(columns, values, strict=True) if v == "1"]
    return out
