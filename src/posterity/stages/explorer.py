"""Writes an experiment's explorer: a page that computes the exact posterior of measurements made by its reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from posterity import priors
from posterity.artifacts import store
from posterity.artifacts.signals import decode
from posterity.errors import PosterityError
from posterity.priors.kernel import Kernel
from posterity.report import explorer
from posterity.stages._settings import Explorer

__all__ = ["run"]


def run(settings: dict[str, Any], *, items: Path, output: Path) -> None:
    """Write ``output`` (.html).

    ``settings`` holds the title, the resolved kernel prior and the number of test items offered (one per subject);
    ``items`` is the data set's items.parquet.

    Raises:
        PosterityError: if it is not a prior of images.
    """
    how = Explorer.of(settings)
    rows = store.read(items, "items").to_pylist()
    images = [decode(row.pop("signal"), f"item {row['item']} of {items}") for row in rows]
    signals = torch.stack(images).double()
    prior = priors.build(how.prior, signals, rows, {}, signals.shape[1:])
    if not isinstance(prior, Kernel):
        raise PosterityError(f"the explorer needs a kernel prior of images, not {how.prior}")
    first = {row["subject"]: k for k, row in reversed([*enumerate(rows)]) if row["split"] == "test"}
    tested = sorted(first.values())[: how.items]
    # mirror images follow all the images and have no names of their own
    names = {k: row["name"] for k, row in enumerate(rows)}
    inside = how.prior.get("split", "all") != "prior"
    text = explorer.page(how.title, prior, [(rows[k]["name"], signals[k]) for k in tested], names, inside)
    store.write_bytes(output, text.encode())
