"""A user's own pictures: a folder or an archive, with optional masks and labels."""

from __future__ import annotations

import logging
import tarfile
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from posterity import picture_reader
from posterity.assets.archives import Archive, opened
from posterity.datasets import labels
from posterity.datasets.items import DataSet, Item, Mask, Outline, shuffled, split
from posterity.datasets.labels import Labels
from posterity.datasets.pictures import cropped, hidden
from posterity.errors import PosterityError

__all__ = ["MASK", "SUFFIXES", "outline", "prepare"]

_log = logging.getLogger(__name__)
OWN = True
"""Prepared from a user's own files."""
MASK = "mask"
"""The name of the region given by an item's own mask."""
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_MASKS, _LABELS = "masks", "labels.csv"
_LONGEST = 200
"""Largest length in bytes of an item's id, which becomes part of file names."""
_LICENSE = """\
Pictures from {name}. They belong to their owner, and so do restorations that show them. posterity has
no licence to give for them: ask their owner, and the people in them, before you share any.
Changes: cropped to the central square and resized to {size}x{size} pixels.
"""


@dataclass(frozen=True)
class _Picture:
    """The file names of a picture and its mask in the folder, and its labels."""

    file: str
    mask: str | None
    about: Labels


def outline(source: Path, select: str | None, count: int | None = None) -> Outline:
    """Return the outline from file names and labels, without decoding any picture.

    Raises:
        PosterityError: if the folder cannot be prepared, or ``select`` or ``count`` is given.
    """
    _whole(select, count)
    with _opened(source) as content:
        found = _found(content, source)
    abouts = [one.about for one in found.values()]
    tests = [one for one in found.values() if one.about.split == "test"]
    return Outline(
        len(tests),
        sorted({about.split for about in abouts}),
        own=(MASK,) if tests and all(one.mask for one in tests) else (),
        labels=[{"split": about.split, "attributes": about.attributes} for about in abouts],
        described=len({about.attributes for about in abouts}) > 1,
    )


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the central square of every picture.

    Arguments:
        source: a folder, or a zip or tar archive of one, with pictures at any depth; optionally with
            ``masks/NAME.png`` (white is hidden) and ``labels.csv`` (see :mod:`posterity.datasets.labels`).
        select: must be None.
        size: height and width in pixels.
        count: must be None, since the split covers all pictures.
    """
    _whole(select, count)
    items = []
    with _opened(source) as content:
        for id, one in _found(content, source).items():
            picture = picture_reader.read(content.read(one.file), f"{source}: {one.file}")
            hidden = {} if one.mask is None else {MASK: _hidden(content, source, one, picture.size, size)}
            who, pixels = one.about, cropped(picture, size)
            items.append(Item(id, who.name, who.group, who.split, who.attributes, pixels, hidden, who.subject))
    return DataSet(items, _LICENSE.format(name=source.name, size=size))


def _whole(select: str | None, count: int | None) -> None:
    for key, value in (("select", select), ("count", count)):
        if value is not None:
            raise PosterityError(f"{key} is {value!r}, but a folder of pictures is prepared whole; leave it out")


def _opened(source: Path) -> AbstractContextManager[Archive]:
    if not (source.is_dir() or zipfile.is_zipfile(source) or tarfile.is_tarfile(source)):
        raise PosterityError(f"{source} is neither a folder of pictures nor a whole zip or tar archive of one")
    return opened(source)


def _found(content: Archive, source: Path) -> dict[str, _Picture]:
    """Return {id: picture}, sorted by id."""
    names = [name for name in content.names if not _unseen(name)]
    tables = [name for name in names if PurePosixPath(name).name.lower() == _LABELS]
    if len(tables) > 1:
        raise PosterityError(f"{source} has two tables of labels, {tables[0]} and {tables[1]}; keep one")
    drawn = [name for name in names if name.lower().endswith(SUFFIXES)]
    masks = _by_id([name for name in drawn if _MASKS in PurePosixPath(name).parts[:-1]], source)
    files = _by_id([name for name in drawn if _MASKS not in PurePosixPath(name).parts[:-1]], source)
    if not files:
        raise PosterityError(f"{source} holds no picture (one ends in {', '.join(SUFFIXES)})")
    others = [name for name in names if name not in drawn and name not in tables]
    if others:
        _log.warning("%s: %d files are no pictures and are left out: %s", source, len(others), _some(others))
    if lost := sorted(masks.keys() - files.keys()):
        raise PosterityError(f"{source}: {masks[lost[0]]} is the mask of no picture (none is called {lost[0]})")
    where = f"{source}: {tables[0] if tables else _LABELS}"
    told = labels.read(content.read(tables[0]), where, files) if tables else {}
    abouts = _divided({id: told.get(id, Labels(id)) for id in files})
    if masks and (bare := sorted(id for id, one in abouts.items() if one.split == "test" and id not in masks)):
        raise PosterityError(
            f"{source}: {files[bare[0]]} is in the test split and has no mask masks/{bare[0]}.png; give every picture "
            f"of the test split one, or say in {_LABELS} that its split is prior"
        )
    return {id: _Picture(files[id], masks.get(id), abouts[id]) for id in sorted(files)}


def _unseen(name: str) -> bool:
    """Return True for system files: hidden files, and those that macOS adds to a zip."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _by_id(names: Sequence[str], source: Path) -> dict[str, str]:
    """Return {id: name}; an id is the file name without folders and suffix, in one Unicode normalisation."""
    found: dict[str, str] = {}
    for name in names:
        id = unicodedata.normalize("NFC", PurePosixPath(name).stem)
        if (other := found.setdefault(id, name)) != name:
            raise PosterityError(f"{source} has two pictures called {id}, {other} and {name}; rename one")
        if len(id.encode(errors="replace")) > _LONGEST or not id.isprintable():
            raise PosterityError(f"{source}: {id!r:.40} cannot be the name of an item; rename {name!r:.40}")
    return found


def _divided(abouts: Mapping[str, Labels]) -> dict[str, Labels]:
    """Assign a split to each: as labelled, else by hash of the subject, with at least one test subject.

    Raises:
        PosterityError: if items of one subject are labelled with both splits.
    """
    sides: dict[str, str] = {}
    firsts: dict[str, str] = {}
    for id, about in abouts.items():
        subject = about.subject or id
        if about.split and sides.setdefault(subject, about.split) != about.split:
            raise PosterityError(
                f"{_LABELS}: {firsts[subject]} and {id} show one subject, {subject!r}, and are in two splits; "
                "what a prior has seen of a subject gives its test items away"
            )
        if about.split:
            firsts.setdefault(subject, id)
    free = [s for s in dict.fromkeys(about.subject or id for id, about in abouts.items()) if s not in sides]
    if free:
        by_hash = {subject: split(subject) for subject in free}
        for side in ("prior", "test"):  # few subjects may all fall on one side; a single subject goes to "test"
            if side not in {*sides.values(), *by_hash.values()}:
                by_hash[shuffled(free)[0]] = side
        sides |= by_hash
    return {id: about.on(sides[about.subject or id]) for id, about in abouts.items()}


def _hidden(content: Archive, source: Path, one: _Picture, picture: tuple[int, int], size: int) -> Mask:
    """Return the hidden part of a picture's central square, bool (size, size)."""
    where = f"{source}: {one.mask}"
    mask = picture_reader.read(content.read(str(one.mask)), where)
    return hidden(mask, picture, size, where, one.file)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
