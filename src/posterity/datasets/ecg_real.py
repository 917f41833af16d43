"""A real 12-lead recording of ten seconds, for testing only: one recording makes no prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posterity import signals
from posterity.datasets.items import DataSet, Item, Outline
from posterity.ecg import beats
from posterity.ecg.files import dicom
from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS

__all__ = ["RATE", "SELECTIONS", "prepare"]

RATE = 100.0
"""Samples per second."""
SELECTIONS = ("records", "beats")
_LENGTH = 1000
"""Samples of the whole recording."""
_LICENSE = """\
A 12-lead ECG at rest of an anonymous person (Mortara Instrument, 2013; the device says normal sinus rhythm), which
pydicom 3.0.2 distributes as a test file under the MIT licence.
Changes: the eight independent leads, resampled from 1000 Hz to 100 Hz.
"""


def outline(select: str | None, count: int | None = None) -> Outline:
    """Return the outline; the number of parts depends on their size."""
    _check(select)
    most = 1 if select == "beats" else _LENGTH // 256
    return Outline(min(most, count or most), ("test",), described=False, kind=signals.find("ecg", RATE))


def prepare(source: Path, select: str, size: int, count: int | None = None) -> DataSet:
    """Cut the recording into non-overlapping parts, from its start.

    Arguments:
        source: the DICOM file.
        select: "records", or "beats" for the median beat, R at 0.28 s.
        size: samples at 100 Hz: 256 to 1000 for a part, 70 for a beat.
        count: number of parts, default all.
    """
    _check(select)
    whole = round((beats.BEFORE + beats.AFTER) * RATE)
    if size != whole if select == "beats" else not 256 <= size <= _LENGTH:
        valid = f"{whole}" if select == "beats" else f"256 to {_LENGTH}"
        raise PosterityError(f"size is {size}, but {select} of the real ECG have {valid} samples at {RATE:g} Hz")
    record = dicom.parse(source.read_bytes())
    eight = record.values[[record.names.index(lead) for lead in LEADS]]
    slow = beats.resampled(eight, record.rate, RATE)
    if select == "beats":
        parts = [beats.median_beat(slow, RATE)]
    else:
        parts = [slow[:, start : start + size] for start in range(0, slow.shape[1] - size + 1, size)]
    items = [
        Item(f"real{k}", f"real ECG, part {k + 1}", "real", "test", [], part.astype(np.float32), subject="real")
        for k, part in enumerate(parts[:count])
    ]
    return DataSet(items, _LICENSE, kind=signals.find("ecg", RATE))


def _check(select: str | None) -> None:
    if select not in SELECTIONS:
        raise PosterityError(f"select is {select!r}, expected one of {', '.join(SELECTIONS)}")
