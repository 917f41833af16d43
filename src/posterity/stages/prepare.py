"""Makes a data set's items out of a fetched asset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posterity import datasets
from posterity.artifacts import store
from posterity.assets import checksum
from posterity.datasets.sheet import sheet
from posterity.errors import PosterityError
from posterity.stages._settings import Prepare

__all__ = ["run"]


def run(settings: dict[str, Any], *, asset: Path, output: Path) -> None:
    """Write the artifacts "items" and, beside it, "regions" (none: no rows), sheet.png and LICENSE.txt.

    Arguments:
        settings: ``dataset``, ``kind`` (a module of :mod:`posterity.datasets`), ``select``, ``size`` in pixels or
            samples, and optionally ``count``.
        asset: the fetched archive or a folder that the user unpacked; for kind "folder" the user's own data.
        output: items.parquet.
    """
    how = Prepare.of(settings)
    prepared = datasets.module(how.kind)
    if not asset.exists():
        fetch = "" if getattr(prepared, "OWN", False) else f"; run `posterity fetch {asset.parent.name}`"
        raise PosterityError(f"{asset} does not exist{fetch}")
    checksum.verify(asset)
    made = prepared.prepare(asset, how.select, how.size, how.count)
    origin = {"settings": settings}
    folder = output.parent
    store.write_bytes(folder / "LICENSE.txt", made.license.encode())
    store.write_bytes(folder / "sheet.png", sheet(made))
    store.write(folder / "regions.parquet", "regions", made.region_rows(how.dataset), origin)
    store.write(output, "items", made.rows(how.dataset), origin)
