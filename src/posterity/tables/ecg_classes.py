"""Balanced accuracy of a diagnosis classifier on restored ECGs, beside Janati et al. 2025, Table 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posterity.ecg.accuracy import balanced_accuracy, interval
from posterity.tables import _published_runs
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "TRUTH", "cells"]

NEEDS = ("classes",)
ROWS = (*KEYS, "classifier")
TITLE = "Diagnoses of restored ECGs"
CAPTION = (
    "Balanced accuracy, the mean of sensitivity and specificity, of a classifier's diagnoses over records; .5 is "
    "chance. The score of a record is the mean probability over its draws, each the largest over its windows; the "
    "threshold was chosen on validation records. “truth” is the classifier on the records themselves. 95 % bootstrap "
    "intervals over records, the thresholds held. For research, not for diagnosis."
)
TRUTH = "truth"
_PUBLISHED = {"CRBBB": "RBBB", "CLBBB": "LBBB", "AFIB": "AF", "SBRAD": "SB"}
"""SCP code → the paper's name."""
_COLUMNS = (*KEYS, "classifier", "item", "sample", "class", "probability", "threshold", "label")


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run, and before those of a prior one of the truths."""
    rows = frames.frame("classes", _COLUMNS)
    out: list[Cell] = []
    for (*place, classifier), group in rows.groupby([*KEYS[:3], "classifier"], sort=True):
        truths = group[group["sample"].isna()].drop_duplicates(["item", "class"])
        out += _row(frames, (*place, TRUTH, classifier), truths)
        for sampler, own in group.groupby("sampler", sort=True):
            out += _row(frames, (*place, sampler, classifier), own[own["sample"].notna()], list(own["class"].unique()))
    return out


def _row(frames: Frames, row: tuple[str, ...], rows: pd.DataFrame, classes: list[str] | None = None) -> list[Cell]:
    """Return a cell for each class, also for those that a run without samples has none of."""
    found = dict(iter(rows.groupby("class", sort=False)))
    out = []
    for name in classes if classes is not None else list(found):
        published = _published_runs.value(frames, row[:4], _PUBLISHED.get(name, name))
        if name not in found:
            out.append(Cell(row, name, count=0, published=published, note="N/A: no samples"))
            continue
        records = found[name].groupby("item").agg({"probability": "mean", "threshold": "first", "label": "first"})
        called = (records["probability"] >= records["threshold"]).to_numpy(bool)
        labels = records["label"].to_numpy(bool)
        value = balanced_accuracy(called, labels)
        if not np.isfinite(value):
            note = f"N/A: {'all' if labels.any() else 'none'} of {len(labels)} records have it"
            out.append(Cell(row, name, count=0, published=published, note=note))
            continue
        low, high = interval(called, labels, np.random.default_rng(0))
        out.append(Cell(row, name, value, low, high, len(labels), published))
    return out
