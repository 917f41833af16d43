"""ECG files: read WFDB, DICOM and CSV into a `Record`, and write a `Record` as WFDB."""

from __future__ import annotations

from pathlib import Path

from posterity.ecg.files import dicom, table, wfdb_record
from posterity.ecg.files.record import Record
from posterity.errors import PosterityError

__all__ = ["Record", "read", "write"]

_TABLES = (".csv", ".tsv")
_RECORDS = (".hea", ".dat")
write = wfdb_record.write


def read(path: Path, rate: float | None = None) -> Record:
    """Read the ECG in a file.

    Arguments:
        path: a WFDB header (with or without ``.hea``), a DICOM file or a CSV file with a header.
        rate: samples per second, if the file doesn't give it.

    Raises:
        PosterityError: in one line, if the file is no ECG or contradicts itself.
    """
    suffix = path.suffix.lower()
    if suffix in _RECORDS or not path.exists():
        found = wfdb_record.read(path)
    elif path.is_dir():
        raise PosterityError(f"{path} is a folder; name a file .hea, .dcm or .csv in it")
    elif suffix in _TABLES:
        return table.read(path, rate)
    elif suffix == ".dcm" or dicom.begins(path):
        found = dicom.read(path)
    else:
        raise PosterityError(f"{path} is no ECG that can be read; expected a WFDB header .hea, DICOM or .csv")
    if rate is not None and abs(rate - found.rate) > 1e-6 * found.rate:
        raise PosterityError(f"{path} says {found.rate:g} samples per second, not {rate:g}; leave the rate out")
    return found
