"""Numbers that are read off an ECG by formula: rate, amplitudes, frontal axis, voltage. No diagnosis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import beats, leads

__all__ = ["AROUND_R", "Measurements", "measure", "measure_beat", "qrs_mask"]

Array = NDArray[np.floating[Any]]

AROUND_R = 0.05
"""Seconds on either side of an R peak that count as QRS."""
_LEVEL = (0.09, 0.06)
"""Seconds before R between which the lead is level: between P wave and QRS."""


@dataclass(frozen=True)
class Measurements:
    """The measured values; None if the leads for one are missing.

    Arguments:
        rr: median of the intervals between beats in ms.
        heart_rate: beats per minute, from ``rr``.
        r: lead → its highest deflection within QRS in mV, from the level before QRS; 0 where there is no R wave.
        s: lead → its lowest deflection likewise, as a positive number.
        axis: of QRS in the frontal plane in degrees, by net amplitudes R − S of I and aVF.
        sokolow_lyon: S in V1 and the larger R of V5 and V6, in mV.
    """

    rr: float | None
    heart_rate: float | None
    r: Mapping[str, float]
    s: Mapping[str, float]
    axis: float | None
    sokolow_lyon: float | None


def measure(values: Array, names: Sequence[str], rate: float) -> Measurements:
    """Measure an ECG by its median beat.

    Arguments:
        values: (leads, time) in mV; leads with a NaN are left out, but for limb leads that follow from two others.
        names: of the leads, in any spelling.
        rate: samples per second.
    """
    every = leads.complete(values, names)
    whole = ~np.isnan(every).any(1)
    if not whole.any():
        return Measurements(None, None, {}, {}, None, None)
    record, known = every[whole], [leads.STANDARD[row] for row in np.flatnonzero(whole)]
    peaks = beats.r_peaks(record, rate)
    rr = float(np.median(np.diff(peaks))) / rate * 1000 if len(peaks) > 1 else None
    before, after = round(beats.BEFORE * rate), round(beats.AFTER * rate)
    if not any(before <= peak <= record.shape[1] - after for peak in peaks):
        return Measurements(rr, 60_000 / rr if rr else None, {}, {}, None, None)
    return replace(
        measure_beat(beats.median_beat(record, rate), known, rate), rr=rr, heart_rate=60_000 / rr if rr else None
    )


def measure_beat(beat: Array, names: Sequence[str], rate: float) -> Measurements:
    """Measure one beat, which has no rate: its R peak is at ``beats.BEFORE``.

    Arguments:
        beat: (leads, time) in mV, without NaN.
        names: of the leads, in any spelling.
        rate: samples per second.
    """
    known = leads.complete(beat, names)
    whole = ~np.isnan(known).any(1)
    r, s = _waves(known[whole], [leads.STANDARD[row] for row in np.flatnonzero(whole)], rate)
    return Measurements(None, None, r, s, _axis(r, s), _sokolow_lyon(r, s))


def qrs_mask(values: Array, rate: float) -> NDArray[np.bool_]:
    """Return True within 50 ms of an R peak, (time,).

    Arguments:
        values: (leads, time) in mV; leads with a NaN do not take part.
        rate: samples per second.
    """
    time = values.shape[1]
    inside = np.zeros(time, dtype=bool)
    whole = values[~np.isnan(values).any(1)]
    reach = round(AROUND_R * rate)
    for peak in beats.r_peaks(whole, rate) if len(whole) else ():
        inside[max(0, peak - reach) : peak + reach + 1] = True
    return inside


def _waves(beat: Array, names: Sequence[str], rate: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return the R and the S amplitude of every lead of a beat."""
    before, reach = round(beats.BEFORE * rate), round(AROUND_R * rate)
    level = beat[:, before - round(_LEVEL[0] * rate) : before - round(_LEVEL[1] * rate) + 1]
    qrs = beat[:, before - reach : before + reach + 1] - np.median(level, axis=1, keepdims=True)
    up, down = np.maximum(qrs.max(1), 0), np.maximum(-qrs.min(1), 0)
    return dict(zip(names, up.tolist(), strict=True)), dict(zip(names, down.tolist(), strict=True))


def _axis(r: Mapping[str, float], s: Mapping[str, float]) -> float | None:
    """Return the angle of the net QRS: aVF stands upright on I and is shorter than a limb lead by √3/2."""
    if not {"I", "aVF"} <= r.keys():
        return None
    return math.degrees(math.atan2(2 / math.sqrt(3) * (r["aVF"] - s["aVF"]), r["I"] - s["I"]))


def _sokolow_lyon(r: Mapping[str, float], s: Mapping[str, float]) -> float | None:
    if not {"V1", "V5", "V6"} <= r.keys():
        return None
    return s["V1"] + max(r["V5"], r["V6"])
