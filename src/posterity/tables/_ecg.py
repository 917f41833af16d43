"""Reads the restored ECGs of a run: draws, truths and masks, item by item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import measurements
from posterity.signals.ecg import LEADS
from posterity.tables.frames import KEYS, Artifact, Frames

__all__ = ["LEADS", "Restored", "measured", "restored", "runs"]

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Restored:
    """Draws of one record.

    Arguments:
        draws: (N, 8, time) in mV.
        truth: (8, time) in mV.
        missing: bool, (8, time).
        rate: samples per second.
    """

    draws: Array
    truth: Array
    missing: NDArray[np.bool_]
    rate: float


def runs(frames: Frames) -> list[Artifact]:
    """Return the samples of runs on ECGs, exact ones first within (dataset, task, prior).

    Raises:
        PosterityError: if there are none.
    """
    known = {(a.key["dataset"], a.key["task"]) for a in frames.of("measurements") if _is_ecg(frames, a)}
    found = [a for a in frames.of("samples") if (a.key["dataset"], a.key["task"]) in known]
    if not found:
        raise frames.missing("samples", none="of ECGs")
    return sorted(found, key=lambda a: (*(a.key[k] for k in KEYS[:3]), a.recipe.method != "exact", a.key["sampler"]))


def _is_ecg(frames: Frames, artifact: Artifact) -> bool:
    where = {name: artifact.key[name] for name in ("dataset", "task")}
    kinds = frames.frame("measurements", ("signal_kind", "item"), **where)["signal_kind"]
    return bool((kinds == "ecg").all())


def restored(frames: Frames, key: Mapping[str, str]) -> Iterator[tuple[str, Restored]]:
    """Yield (item, its restorations) of one run, by item; items without a known truth are omitted."""
    from safetensors.torch import load

    from posterity.artifacts import signals

    where = {name: key[name] for name in ("dataset", "task")}
    columns = ("item", "truth", "parameters", "signal_rate")
    measured = {r.item: r for r in frames.frame("measurements", columns, **where).itertuples()}
    rows = frames.frame("samples", ("item", "sample", "signal"), **key).sort_values(["item", "sample"])
    for item, own in rows.groupby("item"):
        about = measured[item]
        if about.truth is None:
            continue
        truth = signals.decode(about.truth).double().numpy()
        keep = load(about.parameters).get("keep") if about.parameters else None
        missing = np.ones(truth.shape, bool) if keep is None else np.broadcast_to((keep[0] < 0.5).numpy(), truth.shape)
        draws = signals.stack(list(own["signal"])).double().numpy()
        yield str(item), Restored(draws, truth, missing, float(about.signal_rate))


def measured(x: Array, rate: float) -> measurements.Measurements:
    """Return what is read off a signal (8, time), a record or, shorter than a second, a median beat."""
    of = measurements.measure_beat if x.shape[1] < rate else measurements.measure
    return of(x, LEADS, rate)
