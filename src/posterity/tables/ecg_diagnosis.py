"""Balanced accuracy of formula labels after restoration, with thresholds chosen on other records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.diffusion.noise import generator
from posterity.ecg.accuracy import balanced_accuracy, interval, threshold
from posterity.ecg.measurements import Measurements
from posterity.tables import _ecg
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "COLUMNS", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("ecg",)
ROWS = KEYS
TITLE = "Labels of restored ECGs"
Array = NDArray[np.floating[Any]]
_LEFT, _HIGH, _LATE = 0.0, 2.5, "V4"
"""Degrees, mV, and the chest lead in which S is still larger than R."""


def _to_the_left(of: Measurements) -> float | None:
    return None if of.axis is None else _LEFT - of.axis


def _voltage(of: Measurements) -> float | None:
    return None if of.sokolow_lyon is None else of.sokolow_lyon - _HIGH


def _late(of: Measurements) -> float | None:
    return of.s[_LATE] - of.r[_LATE] if _LATE in of.r else None


_SCORES: dict[str, tuple[Callable[[Measurements], float | None], frozenset[str]]] = {
    "axis left of 0°": (_to_the_left, frozenset({"I", "II"})),
    "Sokolow-Lyon from 2.5 mV": (_voltage, frozenset({"V1", "V5", "V6"})),
    "transition after V4": (_late, frozenset({"V4"})),
}
"""Label → what is above 0 where a record has it, and the leads that it is read off."""
COLUMNS = tuple(_SCORES)
CAPTION = (
    "Balanced accuracy, the mean of sensitivity and specificity, of three labels that the truth has by formula; .5 is "
    "chance. They are numbers with a threshold and no diagnoses. The score of a record is the mean over its draws; the "
    "threshold for a record is that of the largest Youden index on all others. 95 % bootstrap intervals over records, "
    "the thresholds held."
)
_LEAST = 2
"""Records with a label, and without, that there must be: one for each threshold, and one that it is used on."""


def cells(frames: Frames) -> list[Cell]:
    """Return one row a run, the exact ones first."""
    out = []
    for artifact in _ecg.runs(frames):
        row = tuple(artifact.key[k] for k in KEYS)
        records = dict(_ecg.restored(frames, artifact.key))
        truths = [_ecg.measured(one.truth, one.rate) for one in records.values()]
        draws = [[_ecg.measured(x, one.rate) for x in one.draws] for one in records.values()]
        for column, (score, of) in _SCORES.items():
            if not all(one.missing[[_ecg.LEADS.index(lead) for lead in of]].any() for one in records.values()):
                out.append(Cell(row, column, count=0, note="N/A: what it is read off is measured"))
                continue
            labels = np.asarray([_number(score(truth)) for truth in truths])
            scores = np.asarray([_mean([_number(score(draw)) for draw in of_record]) for of_record in draws])
            out.append(_cell(row, column, labels, scores))
    return out


def _cell(row: tuple[str, ...], column: str, truths: Array, scores: Array) -> Cell:
    """Return the balanced accuracy over all records whose scores are known."""
    known = np.isfinite(truths) & np.isfinite(scores)
    labels, scores = truths[known] > 0, scores[known]
    fewest = int(min(labels.sum(), (~labels).sum()))
    if fewest < _LEAST:
        note = f"N/A: {fewest} of {len(labels)} records are of one kind, {_LEAST} are needed"
        return Cell(row, column, count=0, note=note)
    others = ~np.eye(len(labels), dtype=bool)
    at = np.asarray([threshold(scores[other], labels[other]) for other in others])
    called = scores >= at
    low, high = interval(called, labels, generator("ecg diagnosis", len(labels)))
    return Cell(row, column, balanced_accuracy(called, labels), low, high, len(labels))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
