"""What the data sets of photographs share: square pictures by their ids, and the ids that papers have published."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posterity.assets.archives import Archive
from posterity.datasets.items import Mask, Pixels, shuffled
from posterity.errors import PosterityError

__all__ = ["chosen", "inside", "members", "published", "square"]


def square(content: bytes, size: int, name: str) -> Pixels:
    """Centre crop and antialiased bicubic resize, (size, size, 3)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.array(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC))
    except OSError as error:
        raise PosterityError(f"{name} is not a readable image ({error})") from error


def inside(content: bytes, size: int, name: str, where: Callable[[NDArray[np.uint8]], Mask]) -> Mask:
    """A mask (size, size), cropped and resized as :func:`square` does it, without new values.

    Arguments:
        content: a picture whose levels, or palette indices, are labels.
        size: height and width in pixels.
        name: for messages.
        where: labels (H, W) to what is inside.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as image:
            labels = np.array(image)
    except OSError as error:
        raise PosterityError(f"{name} is not a readable image ({error})") from error
    if labels.ndim != 2:
        raise PosterityError(f"{name} has {labels.shape[-1]} channels, a picture of labels has one")
    mask = Image.fromarray(where(labels).astype(np.uint8) * 255)
    return np.array(ImageOps.fit(mask, (size, size), Image.Resampling.NEAREST)) > 0


def members(archive: Archive, path: Path, pattern: str, id_of: Callable[[re.Match[str]], str]) -> dict[str, str]:
    """{id: name in the archive} of the files whose path, under whatever folders, fits ``pattern``.

    Raises:
        PosterityError: when no file fits, or two have one id.
    """
    found: dict[str, str] = {}
    for match in filter(None, (re.fullmatch(rf"(?:.*/)?{pattern}", name) for name in archive.names)):
        id, name = id_of(match), match.string
        if (other := found.setdefault(id, name)) != name:
            raise PosterityError(f"{path} has {id} twice, as {other} and as {name}; name the folder of one")
    if not found:
        raise PosterityError(f"{path} holds no file like {pattern}; give the published archive or its unpacked folder")
    return found


def chosen(ids: Iterable[str], select: str, dataset: str, count: int | None) -> list[str]:
    """The ids that are prepared, sorted.

    Arguments:
        ids: all that there are.
        select: "all", or the name of a list that a paper has published.
        dataset: whose list.
        count: only so many of them, a fixed choice.
    """
    known, lists = set(ids), published().get(dataset, {})
    if select not in ("all", *lists):
        raise PosterityError(f"select is {select!r}, expected one of {', '.join(('all', *lists))}")
    wanted = known if select == "all" else set(lists[select])
    if missing := sorted(wanted - known):
        raise PosterityError(f"{dataset}: {len(missing)} of the {len(wanted)} items of {select!r} are not there: "
                             f"{missing[0]}, …")  # fmt: skip
    return sorted(shuffled(wanted)[:count])


@cache
def published() -> Mapping[str, Mapping[str, list[str]]]:
    """{data set: {name of the list: ids}}."""
    lists: Mapping[str, Mapping[str, list[str]]] = json.loads(
        Path(__file__).with_name("published.json").read_text(encoding="utf-8")
    )
    return lists
