"""Chooses the run and the items that a figure shows if its settings do not name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from posterity.figures.gallery import Picture, pixels
from posterity.tables.frames import KEYS, Artifact, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["described", "first", "items", "measured", "pool", "words"]


def first(frames: Frames, what: str, fits: Callable[[Artifact], bool] = lambda _: True) -> Artifact:
    """Return the first samples artifact that has what the figure needs, which ``what`` names in the error message."""
    for artifact in frames.of("samples"):
        if fits(artifact):
            return artifact
    raise frames.missing("samples", none=f"{what}")


def pool(frames: Frames, key: Mapping[str, str]) -> pd.DataFrame:
    """Return item, sample and signal of one run."""
    return frames.frame("samples", ("item", "sample", "signal"), **key).sort_values(["item", "sample"])


def measured(frames: Frames, key: Mapping[str, str]) -> dict[str, tuple[Picture, Picture]]:
    """Return {item: (truth, measurement as a picture)}."""
    where = {k: key[k] for k in ("dataset", "task")}
    rows = frames.frame("measurements", ("item", "truth", "display"), **where)
    return {r.item: (pixels(r.truth), pixels(r.display)) for r in rows.itertuples()}


def items(available: Any, settings: Mapping[str, Any], default: int) -> list[str]:
    """Return the first few items in alphabetical order."""
    return sorted(set(available))[: int(settings.get("items", default))]


def words(key: Mapping[str, str]) -> str:
    """Return a run in words."""
    return ", ".join(f"{k} {key[k]}" for k in KEYS if k in key)


def described(key: Mapping[str, str]) -> str:
    """Return a run's key without the sampler in words."""
    return words({k: v for k, v in key.items() if k != "sampler"})
