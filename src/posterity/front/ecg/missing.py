"""Finds the missing part of an ECG: named by the user or absent in the file, unless other leads determine it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from posterity.ecg.files.record import Record
from posterity.ecg.leads import LIMB, STANDARD, canonical, complete
from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS

__all__ = ["hidden", "known"]

Array = NDArray[np.float64]
_SPAN = re.compile(
    r"(?:(?P<lead>[^:]+):)?(?P<start>\d+(?:\.\d+)?)\s*s?\s*-\s*(?P<stop>\d+(?:\.\d+)?)\s*s", re.IGNORECASE
)
"""2.5s-5s, 2.5-5s, V1:2.5s-5s."""


def hidden(record: Record, missing: str) -> Record:
    """Return the record with the parts in ``missing`` hidden: leads, intervals of all leads, intervals of one lead.

    Arguments:
        record: the record as read.
        missing: comma-separated parts, as in "V1,V2", "2.5s-5s" or "V1:2.5s-5s"; "" to use only the file's gaps.

    Raises:
        PosterityError: for an unknown lead, or an interval outside the record.
    """
    values = record.values.copy()
    for word in (word.strip() for word in missing.split(",") if word.strip()):
        span = _SPAN.fullmatch(word)
        rows, columns = slice(None), slice(None)
        name = span["lead"] if span else word
        if name is not None:
            lead = canonical(name)
            if lead not in record.names and span is None and lead in STANDARD:
                continue  # the record lacks it anyway
            if lead not in record.names:
                raise PosterityError(
                    f"--missing {word}: the record has no lead {lead}; it has {', '.join(record.names)}"
                )
            rows = slice(record.names.index(lead), record.names.index(lead) + 1)
        if span is not None:
            start, stop = float(span["start"]), float(span["stop"])
            if not start < stop <= record.seconds + 1 / record.rate:
                raise PosterityError(f"--missing {word}: expected an interval within 0s-{record.seconds:g}s")
            columns = slice(round(start * record.rate), round(stop * record.rate))
        values[rows, columns] = np.nan
    return Record(values, record.names, record.rate, record.comments)


def known(record: Record) -> Array:
    """Return the twelve leads (12, time) in mV where they are measured or follow from measured ones, NaN elsewhere.

    Raises:
        PosterityError: if nothing is missing, nothing is known, or only one limb lead is measured.
    """
    every: Array = complete(record.values, record.names).astype(np.float64)
    eight = every[[STANDARD.index(lead) for lead in LEADS]]
    if not np.isnan(eight).any():
        raise PosterityError("nothing is missing: all twelve leads are measured or follow exactly; name leads or a "
                             "stretch with --missing V1,V2 or --missing 2.5s-5s")  # fmt: skip
    if np.isnan(eight).all():
        raise PosterityError("nothing of the eight leads I, II, V1 to V6 is left; hide less")
    augmented = ~np.isnan(every[2 : len(LIMB)]).all(0) & np.isnan(eight[:2]).any(0)
    if alone := [
        lead for lead, row in zip(LIMB[2:], every[2 : len(LIMB)], strict=True) if (~np.isnan(row) & augmented).any()
    ]:
        raise PosterityError(
            f"lead {alone[0]} is measured where no second limb lead is; hide it as well with --missing"
        )
    return every
