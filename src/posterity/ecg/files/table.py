"""CSV files: a header with the names of leads, then one line per sample in mV."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from posterity.ecg.files.record import Record, millivolts, readable
from posterity.ecg.leads import canonical_all
from posterity.errors import PosterityError

__all__ = ["read"]

_LARGEST = 1 << 29
"""Largest size in bytes: an hour of twelve leads at 500 Hz."""
_EMPTY = ("", "nan", "na", "null", "none")
_UNIT = re.compile(r"^(.*?)\s*[\[(]([^\])]*v(?:olt)?)[\])]$", re.IGNORECASE)
"""A column name with its unit: I [uV]."""


def read(path: Path, rate: float | None) -> Record:
    """Read a CSV file separated by commas, semicolons or tabs; an empty field or NaN is missing.

    Arguments:
        path: a file with a header; columns are in mV unless it gives the unit in brackets, as in ``V1 [uV]``.
        rate: samples per second, which such a file doesn't give.

    Raises:
        PosterityError: if there is no rate, a lead is unknown, or a field is no number.
    """
    with readable(path):
        if rate is None:
            raise PosterityError("a CSV file does not say its rate; give it with --fs")
        size = path.stat().st_size
        if size > _LARGEST:
            raise PosterityError(f"it has {size} bytes, expected at most {_LARGEST}")
        lines = _text(path).splitlines()
        if len(lines) < 2:
            raise PosterityError("it has no line of values; expected a header with leads, then one line per sample")
        delimiter = max(";\t,", key=lines[0].count)
        columns = [column.strip() for column in next(csv.reader(lines[:1], delimiter=delimiter))]
        split = [(found[1], found[2]) if (found := _UNIT.match(name)) else (name, "mV") for name in columns]
        names = canonical_all([name for name, _ in split])
        scales = np.asarray([millivolts(unit, name) for name, unit in split])
        rows = [
            [_number(field, number, delimiter) for field in fields]
            for number, fields in enumerate(csv.reader(lines[1:], delimiter=delimiter), 2)
            if fields and _wide(fields, number, len(names))
        ]
        return Record(np.asarray(rows).T * scales[:, None], names, rate)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PosterityError(f"byte {error.start} is not of a text in UTF-8; save it as UTF-8") from None


def _wide(fields: list[str], line: int, columns: int) -> bool:
    if len(fields) != columns:
        hint = "; with decimal commas, part fields by semicolons" if len(fields) == 2 * columns else ""
        raise PosterityError(f"line {line} has {len(fields)} fields, the header {columns}{hint}")
    return True


def _number(field: str, line: int, delimiter: str) -> float:
    """Return a field's value; a decimal comma is accepted if commas don't separate fields."""
    text = field.strip() if delimiter == "," else field.strip().replace(",", ".")
    if text.lower() in _EMPTY:
        return np.nan
    try:
        return float(text.replace("_", "?"))  # Python's 1_000 is no number in a file
    except ValueError:
        raise PosterityError(f"line {line}: {field[:40]!r} is no number") from None
