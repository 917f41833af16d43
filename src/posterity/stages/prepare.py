"""Makes a data set's items out of a fetched asset."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from posterity.artifacts import store
from posterity.datasets import openmoji, photos
from posterity.datasets.sheet import sheet
from posterity.errors import PosterityError

__all__ = ["KINDS", "run"]

KINDS = {"openmoji": openmoji.prepare, "photos": photos.prepare}


def run(settings: dict[str, Any], *, asset: Path, output: Path) -> None:
    """Writes the artifacts "items" and, beside it, "regions" (none: no rows), sheet.png and LICENSE.txt.

    Arguments:
        settings: ``dataset``, ``kind`` (a key of ``KINDS``), ``select``, ``size`` in pixels.
        asset: the fetched archive.
        output: items.parquet.
    """
    name, kind, size = settings.get("dataset"), settings.get("kind"), settings.get("size")
    if kind not in KINDS:
        raise PosterityError(f"kind of data set {name!r} is {kind!r}, expected one of {', '.join(KINDS)}")
    if type(size) is not int or not 8 <= size <= 1024:
        raise PosterityError(f"size of data set {name!r} is {size!r}, expected a number of pixels from 8 to 1024")
    if not asset.is_file():
        raise PosterityError(f"{asset} does not exist; run `posterity fetch {asset.parent.name}`")
    made = KINDS[kind](asset, str(settings.get("select")), size)
    with asset.open("rb") as file:
        origin = {"settings": settings, "inputs": {asset.name: hashlib.file_digest(file, "sha256").hexdigest()}}
    folder = output.parent
    store.write_bytes(folder / "LICENSE.txt", made.license.encode())
    store.write_bytes(folder / "sheet.png", sheet(made.items))
    store.write(folder / "regions.parquet", "regions", made.region_rows(str(name)), origin)
    store.write(output, "items", made.rows(str(name)), origin)
