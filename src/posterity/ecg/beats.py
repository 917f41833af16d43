"""R peaks and median beats of records (leads, time) in mV."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import PosterityError

__all__ = ["AFTER", "BEFORE", "median_beat", "r_peaks", "resampled"]

Array = NDArray[np.floating[Any]]

BEFORE, AFTER = 0.28, 0.42
"""Seconds of a beat before and after its R peak."""
_BAND = (5.0, 18.0)
"""Band in Hz in which QRS complexes are steep and T waves are not."""
_SMOOTH, _APART = 0.12, 0.25
"""Seconds of the averaging window of slopes, and least seconds between two beats."""
_HEIGHT = 0.35
"""Least height of a peak, as a fraction of the 98 % quantile of the averaged slopes."""


def r_peaks(record: Array, rate: float) -> NDArray[np.int64]:
    """Return the sample indices of the R peaks of a record (leads, time), ascending.

    The root of the sum of squared slopes over all leads is averaged over 120 ms. A beat is a peak of that average; its
    R peak is where the leads together deviate most from their local medians.

    Arguments:
        record: (leads, time) in mV, at least one second.
        rate: samples per second.
    """
    from scipy.signal import butter, find_peaks, sosfiltfilt

    high = min(_BAND[1], 0.45 * rate)
    passed = sosfiltfilt(butter(2, (_BAND[0], high), "bandpass", fs=rate, output="sos"), record, axis=1)
    slopes = np.sqrt(np.square(np.gradient(passed, axis=1)).sum(0))
    width = max(1, round(_SMOOTH * rate))
    steep = np.convolve(slopes, np.ones(width) / width, mode="same")
    found, _ = find_peaks(steep, height=_HEIGHT * np.quantile(steep, 0.98), distance=max(1, round(_APART * rate)))
    reach = round(_SMOOTH / 2 * rate)
    size = np.square(record - np.median(record, axis=1, keepdims=True)).sum(0)
    peaks = [max(0, p - reach) + int(size[max(0, p - reach) : p + reach + 1].argmax()) for p in found]
    return np.unique(np.asarray(peaks, dtype=np.int64))


def median_beat(record: Array, rate: float) -> Array:
    """Return the median of a record's whole beats, (leads, (BEFORE + AFTER)·rate), R at BEFORE·rate.

    Raises:
        PosterityError: if the record has no whole beat.
    """
    before, after = round(BEFORE * rate), round(AFTER * rate)
    whole = [p for p in r_peaks(record, rate) if p >= before and p + after <= record.shape[1]]
    if not whole:
        raise PosterityError(f"a record of {record.shape[1] / rate:g} s has no whole beat")
    median: Array = np.median([record[:, p - before : p + after] for p in whole], axis=0)
    return median


def resampled(record: Array, rate: float, wanted: float) -> Array:
    """Resample a record (leads, time) to another rate, low-pass filtered to the lower of the two."""
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(wanted / rate).limit_denominator(1000)
    if ratio == 1:
        return record
    moved: Array = resample_poly(record, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    return moved
