"""The table of labels of a user's own pictures: a CSV file with the column item and some of six others."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from posterity.errors import PosterityError

__all__ = ["COLUMNS", "Labels", "read"]

COLUMNS = ("item", "name", "group", "split", "subject", "attributes")
_SPLITS = ("", "prior", "test")


@dataclass(frozen=True)
class Labels:
    """The labels of a picture; split and subject are empty if not given."""

    name: str
    group: str = "picture"
    split: str = ""
    subject: str = ""
    attributes: tuple[str, ...] = ()

    def on(self, side: str) -> Labels:
        """Return the same labels in split ``side``."""
        return replace(self, split=side)


def read(content: bytes, where: str, files: Mapping[str, str]) -> dict[str, Labels]:
    """Return {id: labels} from a table.

    Arguments:
        content: the CSV file in UTF-8, with columns separated by commas or semicolons, attributes by spaces.
        where: the file's name, for messages.
        files: {id: name of the picture's file}; a row may give either, the file with or without its folders.

    Raises:
        PosterityError: if it is no such table, or a picture doesn't exist.
    """
    by_name = {id: id for id in files}
    for id, file in files.items():
        by_name |= {_plain(file): id, _plain(PurePosixPath(file).name): id}
    found: dict[str, Labels] = {}
    for line, row in _rows(content, where):
        said = f"{where}, line {line}"
        given = row["item"]
        if given not in by_name:
            raise PosterityError(f"{said}: item {given!r} is no picture's name")
        if (id := by_name[given]) in found:
            raise PosterityError(f"{said}: item {given!r} has a line already")
        if row["split"] not in _SPLITS:
            raise PosterityError(f"{said}: split is {row['split']!r}, expected prior or test, or nothing")
        attributes = tuple(dict.fromkeys(row["attributes"].split()))
        found[id] = Labels(row["name"] or id, row["group"] or "picture", row["split"], row["subject"], attributes)
    return found


def _rows(content: bytes, where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, {column: text}) with every column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PosterityError(f"{where} is not UTF-8 ({error.reason} at byte {error.start}); save it as such") from error
    header = text.partition("\n")[0]
    table = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True)
    try:
        columns = [cell.strip() for cell in next(table, [])]
        wrong = [column for column in columns if column not in COLUMNS or columns.count(column) > 1]
        if wrong or "item" not in columns:
            said = f"has a column {wrong[0]!r}" if wrong else "has no column 'item'"
            raise PosterityError(f"{where} {said}; its first line names some of {', '.join(COLUMNS)}, each once")
        for row in table:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(columns):
                raise PosterityError(f"{where}, line {table.line_num}: {len(row)} cells, expected {len(columns)}")
            cells = dict(zip(columns, map(_plain, row), strict=True))
            yield table.line_num, dict.fromkeys(COLUMNS, "") | cells
    except csv.Error as error:
        raise PosterityError(f"{where}, line {table.line_num}: is no line of a table ({error})") from error


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())
