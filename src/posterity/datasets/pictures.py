"""The common part of photograph datasets: square pictures by id, and the published lists of ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from posterity import picture_reader
from posterity.assets.archives import Archive
from posterity.datasets.items import Mask, Outline, Pixels, shuffled
from posterity.errors import PosterityError

__all__ = ["chosen", "cropped", "cropped_mask", "hidden", "members", "outlined", "published", "square"]

_WHITE = 127
"""Levels above this count as white."""


def square(content: bytes, size: int, name: str) -> Pixels:
    """Decode a user's picture and crop it with :func:`cropped`, (size, size, 3)."""
    return cropped(picture_reader.read(content, name), size)


def cropped(picture: Image.Image, size: int) -> Pixels:
    """Centre-crop and resize (antialiased bicubic), (size, size, 3)."""
    return np.array(ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC))


def cropped_mask(inside: Mask, size: int) -> Mask:
    """Crop and resize a mask like :func:`cropped`, by nearest neighbours, bool (size, size)."""
    mask = Image.fromarray(inside.astype(np.uint8) * 255)
    return np.array(ImageOps.fit(mask, (size, size), Image.Resampling.NEAREST)) > 0


def hidden(mask: Image.Image, picture: tuple[int, int], size: int, where: str, of: str) -> Mask:
    """Return the hidden part of the central square of a mask, bool (size, size); white is hidden.

    Arguments:
        mask: as read by :mod:`posterity.picture_reader`.
        picture: width and height of the picture, which the mask must match.
        size: height and width in pixels.
        where, of: names of the mask and the picture in errors.
    """
    if mask.size != picture:
        sizes = f"{mask.width}x{mask.height} pixels, {of} has {picture[0]}x{picture[1]}"
        raise PosterityError(f"{where} has {sizes}; a mask has the size of its picture")
    found = cropped_mask(np.asarray(mask.convert("L")) > _WHITE, size)
    if not found.any() or found.all():
        what = "all" if found.all() else "nothing"
        small = "" if min(picture) == size else f", {size}x{size} pixels of it"
        raise PosterityError(f"{where} hides {what} of the square in the middle of {of}{small}; white is hidden")
    return found


def members(archive: Archive, path: Path, pattern: str, id_of: Callable[[re.Match[str]], str]) -> dict[str, str]:
    """Return {id: name in the archive} of the files whose path, in any folder, matches ``pattern``.

    Raises:
        PosterityError: if no file matches, or two have one id.
    """
    found: dict[str, str] = {}
    for match in filter(None, (re.fullmatch(rf"(?:.*/)?{pattern}", name) for name in archive.names)):
        id, name = id_of(match), match.string
        if (other := found.setdefault(id, name)) != name:
            raise PosterityError(f"{path} has {id} twice, as {other} and as {name}; name the folder of one")
    if not found:
        raise PosterityError(f"{path} holds no file like {pattern}; give the published archive or its unpacked folder")
    return found


def outlined(select: str | None, dataset: str, total: int, count: int | None) -> Outline:
    """Return the outline of a selection from a dataset of ``total`` photographs, all in split "test".

    Raises:
        PosterityError: if ``select`` is neither "all" nor a published list.
    """
    lists = published().get(dataset, {})
    if select not in ("all", *lists):
        raise PosterityError(f"select is {select!r}, expected one of {', '.join(('all', *lists))}")
    most = total if select == "all" else len(lists[select])
    return Outline(most if count is None else min(most, count))


def chosen(ids: Iterable[str], select: str | None, dataset: str, count: int | None) -> list[str]:
    """Return the selected ids, sorted.

    Arguments:
        ids: all ids of the dataset.
        select: "all", or the name of a published list.
        dataset: name of the dataset.
        count: number of items, a fixed selection; None for all.
    """
    known, lists = set(ids), published().get(dataset, {})
    outlined(select, dataset, len(known), count)
    wanted = known if select == "all" else set(lists[str(select)])
    if missing := sorted(wanted - known):
        raise PosterityError(f"{dataset}: {len(missing)} of the {len(wanted)} items of {select!r} are not there: "
                             f"{missing[0]}, …")  # fmt: skip
    return sorted(shuffled(wanted)[:count])


@cache
def published() -> Mapping[str, Mapping[str, list[str]]]:
    """Return {dataset: {name of the list: ids}}."""
    lists: Mapping[str, Mapping[str, list[str]]] = json.loads(
        Path(__file__).with_name("published.json").read_text(encoding="utf-8")
    )
    return lists
