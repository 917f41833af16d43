"""LSUN: photographs of one category, from its LMDB or exported pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from posterity.assets import archives
from posterity.datasets import pictures
from posterity.datasets.items import DataSet, Item, Outline
from posterity.errors import PosterityError

__all__ = ["CATEGORIES", "outline", "prepare"]

CATEGORIES = {"bedroom": 3_033_042, "church": 126_227, "cat": 1_657_266}
"""Number of photographs in the training archives."""
_FILE = r"([0-9a-f]{40})\.(?:webp|jpe?g|png)"
_LICENSE = """\
Photographs of LSUN (F. Yu, A. Seff, Y. Zhang, S. Song, T. Funkhouser and J. Xiao, LSUN: Construction of a Large-scale
Image Dataset using Deep Learning with Humans in the Loop, 2015), category {category}, for research. Changes:
centre-cropped and resized to {size}x{size} pixels.
"""
Get = Callable[[str], bytes]


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline of a selection; raise :class:`PosterityError` if it is unknown."""
    category, _, part = (select or "").partition("-")
    if category not in CATEGORIES:
        valid = ", ".join(CATEGORIES)
        raise PosterityError(f"select is {select!r}, expected one of {valid}, or a published list like bedroom-flash")
    return replace(pictures.outlined(part or "all", category, CATEGORIES[category], count), described=False)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Prepare the photographs, all in split "test".

    Arguments:
        source: the published archive, a folder with its data.mdb, or a folder or archive of exported pictures named
            by their 40-digit keys.
        select: "bedroom", "church" or "cat", optionally with "-" and the name of a published list: "bedroom-flash" is
            the 200 test items of Fabian et al. 2024 (from the training archive).
        size: height and width in pixels.
        count: number of items, a fixed selection; None for all.
    """
    outline(select, count)
    category, _, part = (select or "").partition("-")
    items = []
    with _photographs(source) as (keys, get):
        for key in pictures.chosen(keys, part or "all", category, count):
            pixels = pictures.square(get(key), size, key)
            items.append(Item(key, f"{category} {key[:8]}", "photograph", "test", [category], pixels))
    return DataSet(items, _LICENSE.format(size=size, category=category))


@contextmanager
def _photographs(source: Path) -> Iterator[tuple[list[str], Get]]:
    """Yield (all keys, function from a key to its file's bytes)."""
    with archives.opened(source) as content:
        base = next((name for name in content.names if name.rpartition("/")[2] == "data.mdb"), None)
        if base is None:
            found = pictures.members(content, source, _FILE, lambda match: match[1])
            yield list(found), lambda key: content.read(found[key])
            return
    if source.is_dir():
        with _base((source / base).parent) as both:
            yield both
        return
    # LMDB needs a file on disk, so it is unpacked temporarily in the archive's folder
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".lsun-") as folder:
        archives.extract(source, base, Path(folder, "data.mdb"))
        with _base(Path(folder)) as both:
            yield both


@contextmanager
def _base(folder: Path) -> Iterator[tuple[list[str], Get]]:
    import lmdb

    try:
        with lmdb.open(str(folder), readonly=True, lock=False, readahead=False) as base, base.begin() as view:
            keys = [bytes(key).decode("latin-1") for key in view.cursor().iternext(values=False)]
            yield keys, lambda key: bytes(view.get(key.encode("latin-1"), b""))
    except lmdb.Error as error:
        raise PosterityError(f"{folder / 'data.mdb'} is not a whole LMDB ({error}); get it again") from error
