"""WFDB records, as distributed by PhysioNet: a header NAME.hea and the file of signals it names."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path, PurePosixPath

import numpy as np

from posterity.ecg.files.record import Record, millivolts, readable
from posterity.errors import PosterityError

__all__ = ["read", "write"]

_GAIN = 1000
"""Gain of written files in steps per mV: 1 µV per step."""
_LARGEST = 32.767
"""Largest mV that 16 bits hold at this gain."""
_HEADER = 1 << 20
"""Largest size of a header in bytes; that of twelve leads has about a thousand."""
_BYTES = {"8": 1.0, "16": 2.0, "61": 2.0, "24": 3.0, "32": 4.0, "80": 1.0, "160": 2.0, "212": 1.5, "310": 4 / 3,
          "311": 4 / 3}  # fmt: skip
"""Bytes per sample of the uncompressed formats."""
_PACKED = ("508", "516", "524")
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::\d+)?(?:\+(\d+))?")
_CALIBRATION = re.compile(r"(-?[\d.]+(?:[eE][+-]?\d+)?)(?:\(-?\d+\))?(?:/(\S+))?")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class _Lead:
    """One line of a header."""

    file: str
    format: str
    frame: int
    offset: int
    unit: str
    name: str


def read(path: Path) -> Record:
    """Read the record of a header, converted to mV.

    Arguments:
        path: NAME.hea, NAME.dat or NAME.

    Raises:
        PosterityError: if the header is invalid or not calibrated in volts, its file is missing, truncated or in
            another folder, or its leads are in several groups.
    """
    header = path if path.suffix.lower() == ".hea" else path.with_suffix(".hea") if path.suffix else _beside(path)
    if not header.is_file():
        raise PosterityError(f"{header} does not exist; expected a WFDB header .hea, a DICOM file or a .csv")
    with readable(header):
        lines = _lines(header)
        rate, length, count = _first(lines[0])
        if count != len(lines) - 1:
            raise PosterityError(f"its first line says {count} leads, {len(lines) - 1} follow")
        leads = [_lead(line) for line in lines[1:]]
        scales = [millivolts(lead.unit, lead.name) for lead in leads]
        _check_files(header.parent, leads, length)

        import wfdb

        found = wfdb.rdrecord(str(header.resolve().with_suffix("")), physical=True)
        values = found.p_signal.T * np.asarray(scales)[:, None]
        names = tuple(lead.name for lead in leads)
        return Record(values, names, rate, tuple(found.comments))


def write(record: Record, path: Path) -> None:
    """Write NAME.hea and NAME.dat in steps of 1 µV, with missing values marked; both appear whole or not at all.

    Arguments:
        record: the record; its comments go into the header.
        path: NAME or NAME.hea.

    Raises:
        PosterityError: if WFDB doesn't allow the name, or 16 bits cannot hold a value.
    """
    name = path.stem if path.suffix == ".hea" else path.name
    if not _NAME.fullmatch(name):
        raise PosterityError(f"record name {name!r}: WFDB allows letters, digits, '-' and '_' alone")
    for lead, row in zip(record.names, record.values, strict=True):
        if np.nanmax(np.abs(row), initial=0.0) > _LARGEST:
            raise PosterityError(f"lead {lead} reaches {np.nanmax(np.abs(row)):.4g} mV; WFDB holds up to {_LARGEST} mV")
    import wfdb

    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(record.names)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".wfdb-") as folder:
        wfdb.wrsamp(
            name, fs=record.rate, units=["mV"] * count, sig_name=[lead.upper() for lead in record.names],
            p_signal=record.values.T.copy(), fmt=["16"] * count, adc_gain=[_GAIN] * count, baseline=[0] * count,
            comments=[_plain(line) for line in record.comments], write_dir=folder,
        )  # fmt: skip
        for suffix in (".dat", ".hea"):
            Path(folder, name + suffix).replace(path.parent / (name + suffix))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.hea")


def _plain(comment: str) -> str:
    """Return a comment as one line of ASCII, as required in a header."""
    return " ".join(comment.replace("µ", "u").replace("μ", "u").split()).encode("ascii", "replace").decode()


def _lines(header: Path) -> Sequence[str]:
    """Return the non-comment lines of a header."""
    size = header.stat().st_size
    if size > _HEADER:
        raise PosterityError(f"its header has {size} bytes; that of an ECG has less than {_HEADER}")
    lines = (line.strip() for line in header.read_bytes().decode("utf-8", "replace").splitlines())
    kept = [line for line in lines if line and not line.startswith("#")]
    if not kept:
        raise PosterityError("the header is empty")
    return kept


def _first(line: str) -> tuple[float, int | None, int]:
    """Return the rate, the number of samples if given, and the number of leads."""
    name, *fields = line.split()
    if "/" in name:
        raise PosterityError(f"it is made of several segments ({name}); name one of them")
    if not fields or not fields[0].isdigit():
        raise PosterityError(f"{line[:60]!r} is no first line of a WFDB header")
    rate = re.split(r"[/(]", fields[1])[0] if len(fields) > 1 else ""
    if not _NUMBER.fullmatch(rate) or float(rate) == 0:
        raise PosterityError(f"rate is {rate!r}, expected a number of samples per second")
    length = int(fields[2]) if len(fields) > 2 and fields[2].isdigit() else None
    if length == 0:
        raise PosterityError("its first line says 0 samples; leave the number out where it is not known")
    return float(rate), length, int(fields[0])


def _lead(line: str) -> _Lead:
    fields = line.split(maxsplit=8)
    format = _FORMAT.fullmatch(fields[1]) if len(fields) > 1 else None
    if format is None:
        raise PosterityError(f"{line[:60]!r} is no signal line of a WFDB header")
    if len(fields) < 9:
        raise PosterityError(f"{line[:60]!r} names no lead")
    scale = _CALIBRATION.fullmatch(fields[2])
    name = fields[8].strip()
    if scale is None or float(scale[1]) == 0:
        raise PosterityError(f"lead {name[:40]} has the gain {fields[2][:40]!r}; it is not calibrated")
    return _Lead(fields[0], format[1], int(format[2] or 1), int(format[3] or 0), scale[2] or "mV", name)


def _check_files(folder: Path, leads: Sequence[_Lead], length: int | None) -> None:
    """Check that all leads are in one file of the folder, of the length in the header."""
    if not leads:
        raise PosterityError("it has no lead")
    files = sorted({lead.file for lead in leads})
    for file in files:
        if PurePosixPath(file).is_absolute() or re.search(r"\\|:|(^|/)\.\.(/|$)", file):
            raise PosterityError(f"its header points to {file[:80]!r}, which is not in its folder")
    if len(files) > 1:
        raise PosterityError(f"its leads are in {len(files)} signal groups ({', '.join(files[:4])}), expected one")
    if not (folder / files[0]).is_file():
        raise PosterityError(f"its header points to {files[0][:80]!r}, which does not exist")
    for lead in leads:
        if lead.frame != 1:
            raise PosterityError(f"lead {lead.name} has {lead.frame} samples per frame, expected 1")
        if lead.format not in _BYTES and lead.format not in _PACKED:
            raise PosterityError(f"lead {lead.name} has format {lead.format}, which is unknown")
    if length is not None and leads[0].format in _BYTES:
        wanted = leads[0].offset + ceil(length * len(leads) * _BYTES[leads[0].format])
        size = (folder / files[0]).stat().st_size
        if size < wanted:
            raise PosterityError(f"{files[0]} has {size} bytes, but its header says {wanted}; it is truncated")
