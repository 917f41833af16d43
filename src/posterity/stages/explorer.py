"""Writes an experiment's explorer: a page that computes the exact posterior of what its reader measures."""

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

__all__ = ["run"]


def run(settings: dict[str, Any], *, items: Path, output: Path) -> None:
    """Write ``output`` (.html).

    ``settings`` holds the title, the prior (a kernel prior, resolved) and how many test items can be measured, one of
    each subject; ``items`` is the dataset's.

    Raises:
        PosterityError: if the prior is none of images, or knows the test items.
    """
    rows = store.read(items, "items").to_pylist()
    images = [decode(row.pop("signal"), f"item {row['item']} of {items}") for row in rows]
    signals = torch.stack(images).double()
    prior = priors.build(settings["prior"], signals, rows, {}, signals.shape[1:])
    if not isinstance(prior, Kernel):
        raise PosterityError(f"the explorer needs a kernel prior of images, not {settings['prior']}")
    first = {row["subject"]: k for k, row in reversed([*enumerate(rows)]) if row["split"] == "test"}
    tested = sorted(first.values())[: settings["items"]]
    # a mirror image follows all images, and has no name of its own
    names = {k: row["name"] for k, row in enumerate(rows)}
    text = explorer.page(settings["title"], prior, [(rows[k]["name"], signals[k]) for k in tested], names)
    store.write_bytes(output, text.encode())
