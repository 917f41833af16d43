"""Errors of restored ECGs in mV, of draws and of their mean, and coverage of 90 % intervals."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import comparison, measurements
from posterity.tables import _ecg
from posterity.tables.cells import Cell, interval
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "COLUMNS", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("ecg",)
ROWS = KEYS
TITLE = "Errors of restored ECGs"
COLUMNS = (
    "MAE", "RMSE", "MAE of the mean", "RMSE of the mean", "MAE, 12 leads", "MAE in QRS", "MAE elsewhere",
    "coverage", "coverage in QRS", "coverage elsewhere",
)  # fmt: skip
CAPTION = (
    "In mV over the missing values of eight leads, mean over records with a 95 % bootstrap interval. MAE and RMSE are "
    "those of single draws, averaged over the draws of a record; “of the mean” is the error of their mean, "
    "which is nearer to the truth but looks like no ECG. QRS: within 50 ms of an R peak of the truth. Coverage: share "
    "of missing values inside the 90 % prediction interval of ten draws (Student's t): .90 is calibrated. "
    "`posterior_mean` is exact and has no spread."
)
Array = NDArray[np.floating[Any]]


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run, exact ones first."""
    out = []
    for artifact in _ecg.runs(frames):
        found: dict[str, list[float]] = defaultdict(list)
        for _, one in _ecg.restored(frames, artifact.key):
            for column, value in _measured(one).items():
                found[column].append(value)
        row = tuple(artifact.key[k] for k in KEYS)
        out += [_cell(row, column, np.asarray(found[column])) for column in COLUMNS]
    return out


def _cell(row: tuple[str, ...], column: str, values: Array) -> Cell:
    known = values[np.isfinite(values)]
    if not len(known):
        return Cell(row, column, count=0, note="N/A: no record lacks such values")
    low, high = interval(known)
    return Cell(row, column, float(known.mean()), low, high, len(known))


def _measured(one: _ecg.Restored) -> dict[str, float]:
    """Return the value of each column for one record; NaN if nothing of that kind is missing."""
    errors, missing = one.draws - one.truth, one.missing
    mean = errors.mean(0)
    qrs = _qrs(one) & missing
    size, rest = np.abs(errors), missing & ~qrs
    out = {
        "MAE": _over(size, missing),
        "RMSE": float(np.mean([_over(e, missing) ** 0.5 for e in errors**2])),
        "MAE of the mean": _over(np.abs(mean), missing),
        "RMSE of the mean": _over(mean**2, missing) ** 0.5,
        "MAE, 12 leads": _over(np.abs(comparison.twelve(errors)), comparison.twelve_missing(missing)),
        "MAE in QRS": _over(size, qrs),
        "MAE elsewhere": _over(size, rest),
    }
    inside = comparison.covered(one.draws, one.truth).astype(float)
    names = {"coverage": missing, "coverage in QRS": qrs, "coverage elsewhere": rest}
    return out | {name: _over(inside, where) for name, where in names.items()}


def _qrs(one: _ecg.Restored) -> NDArray[np.bool_]:
    """Return a mask (8, time), True within 50 ms of an R peak of the truth."""
    inside = np.zeros(one.truth.shape[1], bool)
    reach = round(measurements.AROUND_R * one.rate)
    for peak in comparison.places(one.truth, one.rate):
        inside[max(0, peak - reach) : peak + reach + 1] = True
    return np.broadcast_to(inside, one.truth.shape)


def _over(values: Array, where: NDArray[np.bool_]) -> float:
    """Return the mean of values (..., leads, time) over the entries where ``where`` (leads, time) is True."""
    return float(values[..., where].mean()) if where.any() else float("nan")
