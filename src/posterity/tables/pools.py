"""Pools of samples with the features available from artifacts alone: hidden pixels and named attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity.tables.frames import Artifact, Frames

if TYPE_CHECKING:
    from posterity.features.attributes import Attributes

__all__ = ["FEATURES", "LEAST", "Pool", "attributes", "large", "pools"]

FEATURES = ("pixels", "attributes")
LEAST = 20
"""Minimum pool size; fewer samples say little about a distribution's tail."""
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Pool:
    """All samples of one item: their pictures, and {kind: features (N, d)}."""

    item: str
    samples: list[int]
    pictures: list[dict[str, Any]]
    features: dict[str, Array]


def attributes(frames: Frames, dataset: str) -> Attributes | None:
    """Return a predictor of the data set's attributes; None if items are not among the inputs or have no attributes."""
    from posterity.artifacts import signals
    from posterity.features.attributes import fit

    if not frames.of("items", dataset=dataset):
        return None
    rows = frames.frame("items", ("split", "attributes", "signal"), dataset=dataset)
    rows = rows[rows["split"] == "prior"]
    names = [[] if a is None else list(a) for a in rows["attributes"]]
    if not any(names):
        return None
    try:
        return fit(signals.stack(list(rows["signal"])), names)
    except ValueError:  # no attribute is frequent enough to be learnt
        return None


def large(artifact: Artifact) -> bool:
    """Return True if a samples artifact holds pools of :data:`LEAST` or more."""
    import pyarrow.parquet as pq

    table = pq.read_table(artifact.path, columns=["item"], partitioning=None)
    return min((int(c) for c in table["item"].value_counts().field("counts").to_pylist()), default=0) >= LEAST


def pools(frames: Frames, key: Mapping[str, str], model: Attributes | None) -> Iterator[Pool]:
    """Yield the pools of one run, item by item; pixels are only the hidden ones if the task hides some."""
    from posterity.artifacts import signals
    from posterity.features.patch import patch

    keeps = _keeps(frames, key)
    rows = frames.frame("samples", ("item", "sample", "signal"), **key).sort_values(["item", "sample"])
    for item, own in rows.groupby("item"):
        x = signals.stack(list(own["signal"]))
        features = {"pixels": patch(x, keeps.get(item))}
        if model is not None:
            features["attributes"] = model.logits(x)
        yield Pool(str(item), own["sample"].tolist(), own["signal"].tolist(), features)


def _keeps(frames: Frames, key: Mapping[str, str]) -> dict[str, Any]:
    from safetensors.torch import load

    where = {k: key[k] for k in ("dataset", "task")}
    rows = frames.frame("measurements", ("item", "parameters"), **where)
    return {r.item: load(r.parameters).get("keep") for r in rows.itertuples() if r.parameters}
