"""Reads answers from a spreadsheet: one row per answer, below a row with the column names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from posterity import json_reader
from posterity.errors import PosterityError
from posterity.study.responses import Named

__all__ = ["COLUMNS", "from_csv"]

_NEEDED = ("participant", "question", "answer")
COLUMNS = (*_NEEDED, "study", "experiment", "milliseconds", "design", "simulated")
"""Valid columns; the first three are required."""
_SIMULATED = {"": False, "false": False, "no": False, "0": False, "true": True, "yes": True, "1": True}
_WHOLE = re.compile(r"\d{1,15}(?:\.0*)?")


def from_csv(content: bytes, name: str) -> Iterator[Named]:
    """Return the answers in a file of comma-, semicolon- or tab-separated values.

    Omitted columns and empty cells are ignored. Column names and answers are case-insensitive.
    """
    if len(content) > json_reader.MOST_BYTES:
        raise PosterityError(
            f"{name} is larger than {json_reader.MOST_BYTES >> 20} MiB; give the answers in several files"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PosterityError(f"{name} is not UTF-8 text; save the spreadsheet as 'CSV UTF-8'") from error
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        columns = _columns(next(lines, []), name)
        for cells in lines:
            given = [cell.strip() for cell in cells]
            if not any(given):
                continue
            where = f"{name}, line {lines.line_num}"
            if any(given[len(columns) :]):
                raise PosterityError(f"{where} has {len(given)} cells, but there are {len(columns)} columns")
            yield name, _row(dict(zip(columns, given, strict=False)), where) | {"line": lines.line_num}
    except csv.Error as error:
        raise PosterityError(f"{name}, line {lines.line_num} is not CSV ({error})") from error


def _columns(head: list[str], name: str) -> list[str]:
    columns = [cell.strip().lower() for cell in head]
    while columns and not columns[-1]:
        columns.pop()
    missing = [column for column in _NEEDED if column not in columns]
    surplus = [column for k, column in enumerate(columns) if column not in COLUMNS or column in columns[:k]]
    if missing:
        raise PosterityError(f"{name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
                             f"its first line is {', '.join(columns) or 'empty':.100}")  # fmt: skip
    if surplus:
        raise PosterityError(
            f"{name} has the column {surplus[0]!r:.60}; expected each of {', '.join(COLUMNS)} at most once"
        )
    return columns


def _row(cells: dict[str, str], where: str) -> dict[str, Any]:
    row: dict[str, Any] = {column: cell for column, cell in cells.items() if cell}
    row["answer"] = row.get("answer", "").lower()
    if _WHOLE.fullmatch(took := row.get("milliseconds", "")):
        row["milliseconds"] = int(took.partition(".")[0])
    simulated = cells.get("simulated", "").lower()
    if simulated not in _SIMULATED:
        raise PosterityError(f"{where}: simulated is {simulated!r:.40}, expected true or false")
    return row | {"simulated": _SIMULATED[simulated]}
