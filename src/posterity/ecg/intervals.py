"""PR, QRS and QT of a lead, by openecg's network for wave boundaries (trained on annotations by cardiologists)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import beats

__all__ = ["Intervals", "intervals"]

Array = NDArray[np.floating[Any]]

_RATE, _SECONDS, _MARGIN = 500, 10, 2.0
"""The network reads 10 s at 500 Hz; beats within 2 s of either end are ignored."""
_JOIN = 0.2
"""Seconds of the straight line between two copies of a lead that is too short."""
_P, _QRS, _T = 1, 2, 3
"""The network's classes."""
_AROUND, _PR, _QT = 0.05, 0.3, 0.6
"""Seconds: a QRS complex begins and ends at most this far beyond its R peak; longest PR and QT that are looked for."""

Event = tuple[int, int, int]


@dataclass(frozen=True)
class Intervals:
    """Medians over beats in ms; None if no beat has the waves.

    Arguments:
        pr: from the beginning of P to that of QRS.
        qrs: from the beginning to the end of QRS.
        qt: from the beginning of QRS to the end of T.
    """

    pr: float | None
    qrs: float | None
    qt: float | None


def intervals(lead: Array, rate: float, peaks: Sequence[int] | NDArray[np.int64]) -> Intervals:
    """Measure the intervals of a lead, a record or a median beat.

    The network reads ten seconds. A shorter lead is repeated, joined by straight lines of 0.2 s; beats that a join cuts
    do not count.

    Arguments:
        lead: (time,) in mV, without NaN; of more than 10 s the first ten are used.
        rate: samples per second.
        peaks: sample indices of the R peaks; those within ``beats.BEFORE`` of the beginning and ``beats.AFTER`` of the
            end are skipped.
    """
    join = round(_JOIN * rate)
    line = lead[-1] + (lead[0] - lead[-1]) * np.arange(1, join + 1) / (join + 1)
    period = len(lead) + join
    copies = math.ceil(_SECONDS * rate / period)
    repeated = np.tile(np.concatenate([lead, line]), copies)[None]
    before, after = round(beats.BEFORE * rate), round(beats.AFTER * rate)
    whole = np.asarray([p for p in peaks if before <= p <= len(lead) - after])
    places = (whole + period * np.arange(copies)[:, None]).ravel() / rate
    inside = places[(places >= _MARGIN) & (places <= _SECONDS - _MARGIN)]
    events = _waves(beats.resampled(repeated, rate, _RATE)[0, : _SECONDS * _RATE])
    found = np.asarray([_of_beat(events, round(place * _RATE)) for place in inside]).reshape(-1, 3)
    return Intervals(*(_median(column) for column in found.T))


def _waves(signal: Array) -> list[Event]:
    """Return (begin, end, class) of every wave in ten seconds at 500 Hz."""
    import openecg

    with warnings.catch_warnings():  # torch's, of how openecg builds its network
        warnings.simplefilter("ignore", UserWarning)
        coded = openecg.encode(signal, fs=_RATE, model="default")
    waves: list[Event] = coded.events("frame", drop_class=0)
    return waves


def _of_beat(events: Sequence[Event], peak: int) -> tuple[float, float, float]:
    """Return PR, QRS and QT of one beat in ms, NaN for what is not found; of waves of a kind the longest counts."""
    reach = round(_AROUND * _RATE)
    qrs = _longest([e for e in events if e[2] == _QRS and e[0] - reach <= peak <= e[1] + reach])
    if qrs is None:
        return (math.nan,) * 3
    begin, end, _ = qrs
    p = _longest([e for e in events if e[2] == _P and begin - _PR * _RATE <= e[0] < begin])
    t = _longest([e for e in events if e[2] == _T and end <= e[0] and e[1] <= begin + _QT * _RATE])
    ms = 1000 / _RATE
    return (begin - p[0]) * ms if p else math.nan, (end - begin) * ms, (t[1] - begin) * ms if t else math.nan


def _longest(events: Sequence[Event]) -> Event | None:
    return max(events, key=lambda e: e[1] - e[0], default=None)


def _median(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
