"""Errors and amplitudes of restored ECGs, and coverage of prediction intervals.

Draws are (N, 8, time) in mV; masks are bool and broadcast to (8, time).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import beats, leads, measurements
from posterity.signals.ecg import LEADS

__all__ = ["covered", "places", "r_amplitudes", "r_squared", "twelve", "twelve_missing"]

Array = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_TWELVE: Array = leads.twelve(np.eye(len(LEADS)))
"""The twelve leads as sums of the eight independent ones, (12, 8)."""
_LEVEL = (0.09, 0.06)
"""Seconds before R between which a lead is level, as in :mod:`posterity.ecg.measurements`."""


def twelve(x: Array) -> Array:
    """Return the twelve leads of signals or errors, (..., 8, time) → (..., 12, time)."""
    made: Array = np.einsum("ab,...bt->...at", _TWELVE, x)
    return made


def twelve_missing(missing: Mask) -> Mask:
    """Return which entries of the twelve leads depend on a missing one, (8, time) → (12, time)."""
    needed: Mask = (np.abs(_TWELVE) > 0).astype(int) @ missing.astype(int) > 0
    return needed


def covered(draws: Array, truth: Array, level: float = 0.9) -> Mask:
    """Return where the truth lies in the prediction interval of independent draws, (N, ...) and (...) → bool (...).

    The interval is mean ± t·s·√(1 + 1/N) with Student's t of N - 1 degrees of freedom. For a Gaussian posterior it
    covers the truth with probability ``level`` for any number of draws, unlike quantiles of ten draws.
    """
    from scipy.special import stdtrit

    count = len(draws)
    if count < 2:
        raise ValueError("an interval needs two draws or more")
    reach = stdtrit(count - 1, (1 + level) / 2) * draws.std(0, ddof=1) * (1 + 1 / count) ** 0.5
    inside: Mask = np.abs(truth - draws.mean(0)) <= reach
    return inside


def places(truth: Array, rate: float) -> NDArray[np.int64]:
    """Return the R peaks of a record (8, time), or the single one of a median beat, which is shorter than a second."""
    if truth.shape[1] < rate:
        return np.asarray([round(beats.BEFORE * rate)])
    return beats.r_peaks(truth, rate)


def r_amplitudes(x: Array, peaks: NDArray[np.int64], rate: float) -> Array:
    """Return the R amplitude of every lead in mV, the median over beats, (N, 8, time) → (N, 8).

    It is the highest deflection within 50 ms of the peak, relative to the level 90 to 60 ms before it.

    Arguments:
        x: signals, (N, 8, time) in mV.
        peaks: R peaks of the truth, so that every draw is measured at the same places; those near an end are skipped.
        rate: samples per second.
    """
    reach, before = round(measurements.AROUND_R * rate), round(_LEVEL[0] * rate)
    inside = [p for p in peaks if p >= before and p + reach < x.shape[-1]]
    if not inside:
        return np.full(x.shape[:-1], np.nan)
    found = []
    for peak in inside:
        level = np.median(x[..., peak - before : peak - round(_LEVEL[1] * rate) + 1], axis=-1)
        found.append(x[..., peak - reach : peak + reach + 1].max(-1) - level)
    amplitudes: Array = np.median(found, axis=0)
    return amplitudes


def r_squared(a: Array, b: Array, axis: int = -1) -> Array:
    """Return the squared correlation of two arrays of equal shape along an axis; NaN if one of them is constant."""
    a, b = a - a.mean(axis, keepdims=True), b - b.mean(axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (a * b).sum(axis) ** 2 / ((a * a).sum(axis) * (b * b).sum(axis))
    return found
