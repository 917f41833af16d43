"""Heart rate, R amplitudes, axis, voltage and intervals of restored ECGs, beside those of the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import comparison
from posterity.ecg.intervals import Intervals, intervals
from posterity.ecg.measurements import Measurements
from posterity.signals.ecg import LEADS
from posterity.tables import _ecg
from posterity.tables.cells import Cell, interval
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "COLUMNS", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("ecg",)
ROWS = KEYS
Array = NDArray[np.floating[Any]]
_R = tuple(f"R in {lead}, mV" for lead in LEADS)
TITLE = "Numbers that are read off restored ECGs"
_INTERVALS = {"PR, ms": "pr", "QRS, ms": "qrs", "QT, ms": "qt"}
_TIMED = ("II", "V5")
"""Leads whose intervals are measured: the first of them that is restored."""
_COMPLETE = "draws with P, QRS, T"
COLUMNS = (
    "heart rate, bpm", "axis, °", "Sokolow-Lyon, mV", "R, mV", *_R, "draws with beats", *_INTERVALS, _COMPLETE,
)  # fmt: skip
CAPTION = (
    "Mean absolute difference between a draw and the truth, each measured by the same formulas on its own median beat: "
    "heart rate by the median RR interval, R amplitude of each restored lead and their mean, the frontal QRS axis (the "
    "shorter way round), and the Sokolow-Lyon voltage. Mean over records with a 95 % bootstrap interval. “Draws with "
    "beats”: the share of draws in which whole beats are found; the others count in no column. PR, QRS and QT are of "
    "the first draw of a record, of the missing beats of lead II or, where that is measured, V5; a network finds the "
    "waves. “Draws with P, QRS, T”: the share of these draws in which it finds all three."
)
_REASON = {
    "heart rate, bpm": "N/A: a median beat has no rate, or no two beats are found",
    "axis, °": "N/A: I and II are measured, so that the axis is",
    "Sokolow-Lyon, mV": "N/A: V1, V5 and V6 are measured, or no whole beat is found",
    **dict.fromkeys(_INTERVALS, "N/A: II and V5 are measured, or a wave is found in no draw"),
    _COMPLETE: "N/A: II and V5 are measured",
}


def cells(frames: Frames) -> list[Cell]:
    """Return one row a run, the exact ones first."""
    out = []
    truths: dict[tuple[str, ...], Intervals] = {}
    for artifact in _ecg.runs(frames):
        row = tuple(artifact.key[k] for k in KEYS)
        found: dict[str, list[float]] = defaultdict(list)
        for item, one in _ecg.restored(frames, artifact.key):
            timed = _timed(one, truths, (artifact.key["dataset"], artifact.key["task"], item))
            for column, value in (_differences(one) | timed).items():
                found[column].append(value)
        out += [_cell(row, column, found[column]) for column in COLUMNS]
    return out


def _cell(row: tuple[str, ...], column: str, values: Sequence[float]) -> Cell:
    if not values:
        return Cell(row, column, count=0, note=_REASON.get(column, "N/A: the lead is measured, or has no whole beat"))
    low, high = interval(values)
    return Cell(row, column, float(np.mean(values)), low, high, len(values))


def _differences(one: _ecg.Restored) -> dict[str, float]:
    """Return column → mean over draws, for the columns that this record has."""
    truth = _ecg.measured(one.truth, one.rate)
    restored = {lead for lead, row in zip(LEADS, one.missing, strict=True) if row.any()}
    by_column: dict[str, list[float]] = defaultdict(list)
    draws = [_ecg.measured(x, one.rate) for x in one.draws]
    for draw in draws:
        for column, value in _apart(draw, truth, restored).items():
            by_column[column].append(value)
    return {"draws with beats": float(np.mean([bool(draw.r) for draw in draws]))} | {
        column: float(np.mean(values)) for column, values in by_column.items()
    }


def _apart(draw: Measurements, truth: Measurements, restored: set[str]) -> dict[str, float]:
    """Return the absolute differences of one draw, of what is neither measured nor without a value."""
    out = {
        f"R in {lead}, mV": abs(draw.r[lead] - truth.r[lead])
        for lead in LEADS
        if lead in restored and {lead} <= draw.r.keys() & truth.r.keys()
    }
    if out:
        out["R, mV"] = float(np.mean(list(out.values())))
    if draw.heart_rate is not None and truth.heart_rate is not None:
        out["heart rate, bpm"] = abs(draw.heart_rate - truth.heart_rate)
    if draw.axis is not None and truth.axis is not None and restored & {"I", "II"}:
        out["axis, °"] = abs((draw.axis - truth.axis + 180) % 360 - 180)
    if draw.sokolow_lyon is not None and truth.sokolow_lyon is not None and restored & {"V1", "V5", "V6"}:
        out["Sokolow-Lyon, mV"] = abs(draw.sokolow_lyon - truth.sokolow_lyon)
    return out


def _intervals(x: Array, lead: str, one: _ecg.Restored) -> Intervals:
    """Return the intervals of a lead of x (8, time), of the beats whose own R peak is where the lead is missing."""
    row = LEADS.index(lead)
    peaks = comparison.places(x, one.rate)
    return intervals(x[row], one.rate, peaks[one.missing[row, peaks]])


def _timed(one: _ecg.Restored, truths: dict[tuple[str, ...], Intervals], record: tuple[str, ...]) -> dict[str, float]:
    """Return how many ms the first draw's intervals are off, of those that it and the truth have, and if it has all.

    Arguments:
        one: the restorations of a record.
        truths: (dataset, task, item, lead) → intervals of the truth, which are added here once for all runs.
        record: (dataset, task, item).
    """
    lead = next((lead for lead in _TIMED if one.missing[LEADS.index(lead)].any()), None)
    if lead is None:
        return {}
    if (*record, lead) not in truths:
        truths[*record, lead] = _intervals(one.truth, lead, one)
    draw, truth = _intervals(one.draws[0], lead, one), truths[*record, lead]
    pairs = {column: (getattr(draw, name), getattr(truth, name)) for column, name in _INTERVALS.items()}
    out = {column: abs(of - true) for column, (of, true) in pairs.items() if of is not None and true is not None}
    return out | {_COMPLETE: float(all(of is not None for of, _ in pairs.values()))}
