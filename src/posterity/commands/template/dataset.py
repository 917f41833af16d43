"""Template: in one line. A folder of arrays NAME.npy, (H, W, 3) in eight bits, all of one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posterity.datasets.items import DataSet, Item, Outline, alternate_split
from posterity.errors import PosterityError

__all__ = ["OWN", "outline", "prepare"]

OWN = True
"""The dataset is read from the user's files at ``path``; delete this line to read an asset of resources/assets.yaml."""


def outline(source: Path, select: str | None, count: int | None = None) -> Outline:
    """Return the outline known before preparation; half of the items are test items.

    Raises:
        PosterityError: if there are too few arrays, or ``select`` or ``count`` is given.
    """
    if select is not None or count is not None:
        raise PosterityError("a folder of arrays is prepared as a whole; leave out select and count")
    names = _names(source)
    return Outline((len(names) + 1) // 2, ("prior", "test"), described=False)


def prepare(source: Path, select: str | None, size: int, count: int | None = None) -> DataSet:
    """Read the arrays.

    Arguments:
        source: the folder.
        select: must be None.
        size: pixels per side.
        count: must be None.

    Raises:
        PosterityError: for an array of another shape.
    """
    outline(source, select, count)
    sides = alternate_split(_names(source))
    items = []
    for name, side in sides.items():
        pixels = np.load(source / f"{name}.npy", allow_pickle=False)
        if pixels.shape != (size, size, 3) or pixels.dtype != np.uint8:
            raise PosterityError(f"{source / name}.npy is not {size}×{size}×3 in eight bits")
        items.append(Item(name, name, "", side, [], pixels))
    return DataSet(items, "Those of the files' owner")


def _names(source: Path) -> list[str]:
    names = sorted(path.stem for path in source.glob("*.npy"))
    if len(names) < 2:
        raise PosterityError(f"{source} holds fewer than two arrays NAME.npy")
    return names
