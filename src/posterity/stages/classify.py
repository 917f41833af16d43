"""Classifies the samples of a run and their truths: the probability of every class of a diagnosis classifier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import signals, store
from posterity.errors import PosterityError
from posterity.stages._origins import agree, run_key
from posterity.stages._settings import Classify

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.classifiers._weights import Trained

__all__ = ["run"]

_AT_ONCE = 64
"""Signals that are decoded at once."""


def run(
    settings: dict[str, Any], *, items: Path, samples: Path, measurements: Path, classifier: Path, output: Path
) -> None:
    """Write the artifact "classes": truths, which have no sample number, and then samples.

    Arguments:
        settings: ``classifier``, its name.
        items, samples, measurements: input artifacts.
        classifier: weights file of the classifier.
        output: the artifact to write.

    Raises:
        PosterityError: for another classifier, or signals that it does not read.
    """
    from posterity.classifiers._weights import load

    how, trained = Classify.of(settings), load(classifier)
    if trained.name != how.classifier:
        raise PosterityError(f"{classifier} is classifier {trained.name!r}, but --settings say {how.classifier!r}")
    agree({}, items, measurements, samples)
    key = run_key(store.provenance(samples)["origin"]) | {"classifier": how.classifier}
    told = store.read(items, "items", ["item", "attributes"]).to_pylist()
    attributes = {row["item"]: set(row["attributes"] or ()) for row in told}
    rows = []
    for path, kind, column in ((measurements, "measurements", "truth"), (samples, "samples", "signal")):
        for item, number, probabilities in _classified(trained, path, kind, column):
            if item not in attributes:
                raise PosterityError(f"item {item!r} of {path} is none of {items}")
            for one, probability in zip(trained.classes, probabilities.tolist(), strict=True):
                row = {"item": item, "sample": number, "class": one.name, "probability": probability}
                rows.append(key | row | {"threshold": one.threshold, "label": one.name in attributes[item]})
    store.write(output, "classes", rows, {"settings": settings})


def _classified(trained: Trained, path: Path, kind: str, column: str) -> Iterator[tuple[str, int | None, Tensor]]:
    """Yield (item, number of the sample or None, probabilities (classes,)) of the signals of an artifact."""
    names = ["item", column] + (["sample"] if kind == "samples" else [])
    for batch in store.read(path, kind, names).to_batches(max_chunksize=_AT_ONCE):
        known = [row for row in batch.to_pylist() if row[column] is not None]
        if not known:
            continue
        found = trained.probabilities(signals.stack([row[column] for row in known]), known[0][column]["rate"])
        for row, probabilities in zip(known, found, strict=True):
            yield row["item"], row.get("sample"), probabilities
