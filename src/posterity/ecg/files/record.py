"""An ECG recording, and the checks shared by all formats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg import leads
from posterity.errors import PosterityError

__all__ = ["SHORTEST", "Record", "millivolts", "readable"]

SHORTEST, _LONGEST = 2.56, 3600.0
"""Bounds on the duration in seconds: the shortest signal of ECG priors, and longer than any resting 12-lead ECG."""
_RATES = (50.0, 20_000.0)
"""Range of samples per second: too few to show a QRS complex, more than any recorder has."""
_WIDEST = 50.0
"""Largest range of a lead in mV, apart from electrode offsets."""
_MV = {"v": 1e3, "volt": 1e3, "mv": 1.0, "millivolt": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "microvolt": 1e-3,
       "nv": 1e-6, "nanovolt": 1e-6}  # fmt: skip


def millivolts(unit: str, lead: str) -> float:
    """Return the mV per ``unit``.

    Raises:
        PosterityError: if the unit is no voltage.
    """
    if unit.strip().lower() not in _MV:
        raise PosterityError(f"lead {lead} is in {unit[:40]!r}, which is no voltage; expected V, mV, µV or nV")
    return _MV[unit.strip().lower()]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn any exception of a reader into one line with the file's name."""
    try:
        yield
    except PosterityError as error:
        raise PosterityError(f"{path}: {error}") from None
    except Exception as error:  # a reader that is fed anything can raise anything
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise PosterityError(f"{path} cannot be read: {said}") from None


@dataclass(frozen=True)
class Record:
    """An ECG in mV.

    A lead that is constant throughout was not connected: its values become NaN, like those the file marks as missing.

    Arguments:
        values: (leads, time) in mV, NaN where nothing was measured.
        names: names of the leads in any spelling; stored as in ``leads.STANDARD``.
        rate: samples per second.
        comments: lines about the recording, never about the patient.

    Raises:
        PosterityError: if a lead is unknown or duplicate, the rate is impossible, the recording is too short or too
            long, or values cannot be mV.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    rate: float
    comments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        names = leads.canonical_all(self.names)
        if values.ndim != 2 or len(values) != len(names) or not names:
            raise PosterityError(f"values of shape {values.shape} are not those of {len(names)} leads")
        rate = float(self.rate)
        if not math.isfinite(rate) or not _RATES[0] <= rate <= _RATES[1]:
            raise PosterityError(f"rate is {rate:g} samples per second, expected {_RATES[0]:g} to {_RATES[1]:g}")
        seconds = values.shape[1] / rate
        if seconds < SHORTEST:
            raise PosterityError(f"it lasts {seconds:.4g} s, expected at least {SHORTEST:g} s")
        if seconds > _LONGEST:
            raise PosterityError(f"it lasts {seconds:.0f} s, expected at most {_LONGEST:g} s; cut a part out of it")
        for name, row in zip(names, values, strict=True):
            _settle(name, row)
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "rate", rate)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return float(self.values.shape[1] / self.rate)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where nothing was measured, (leads, time)."""
        absent: NDArray[np.bool_] = np.isnan(self.values)
        return absent

    @property
    def absent(self) -> tuple[str, ...]:
        """The leads without any measurement."""
        return tuple(name for name, row in zip(self.names, self.missing, strict=True) if row.all())

    def twelve(self) -> NDArray[np.floating[Any]]:
        """Return (12, time) in mV in the order of ``leads.STANDARD``; limb leads are derived from any two of them."""
        return leads.complete(self.values, self.names)

    def without(self, names: Sequence[str]) -> Record:
        """Return the record with these leads unmeasured.

        Raises:
            PosterityError: if a lead is unknown or not in the record.
        """
        hidden = leads.canonical_all(names)
        for name in hidden:
            if name not in self.names:
                raise PosterityError(f"the record has no lead {name}; its leads are {', '.join(self.names)}")
        values = self.values.copy()
        values[[self.names.index(name) for name in hidden]] = np.nan
        return Record(values, self.names, self.rate, self.comments)


def _settle(name: str, row: NDArray[np.float64]) -> None:
    """Check one lead, and overwrite it with NaN if it is flat."""
    if np.isinf(row).any():
        raise PosterityError(f"lead {name} holds a value that is infinite; leave out what is missing")
    known = row[~np.isnan(row)]
    if not known.size:
        return
    span = float(known.max() - known.min())
    if span > _WIDEST:
        raise PosterityError(f"lead {name} spans {span:.4g} mV, expected less than {_WIDEST:g}; is its unit another?")
    if span == 0:
        row[:] = np.nan
