"""Formats a table's long-form rows as a grid, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from posterity.artifacts.schemas import SCHEMAS
from posterity.tables.cells import SEPARATOR

__all__ = ["Grid", "csv_text", "grid", "markdown", "number"]

Grid = dict[tuple[str, ...], dict[str, dict[str, Any]]]
"""{row: {column: record}}."""


def number(value: float | None) -> str:
    """Three significant digits, at most four decimals, whole numbers from a hundred on and where they are whole."""
    if value is None:
        return "N/A"
    if value == int(value):
        return f"{value:.0f}"
    size = abs(value)
    # z: no minus sign on values that round to zero
    return f"{value:z.{4 if size < 0.01 else 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0}f}"


def grid(records: Sequence[Mapping[str, Any]]) -> Grid:
    """Return the long-form records pivoted, in their order."""
    out: Grid = {}
    for r in records:
        out.setdefault(tuple(r["row"].split(SEPARATOR)), {})[r["column"]] = dict(r)
    return out


def columns(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the column names in order of appearance."""
    return list(dict.fromkeys(r["column"] for r in records))


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the long form as CSV, with nulls empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, SCHEMAS["tables"].names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def markdown(records: Sequence[Mapping[str, Any]], rows: Sequence[str], title: str, caption: str) -> str:
    """Return the pivoted form: value, interval, count; published numbers in separate columns; reasons as footnotes."""
    names, notes = columns(records), list[str]()
    printed = {c for c in names if any(r["published"] is not None for r in records if r["column"] == c)}
    head = [*rows]
    for c in names:
        head += [c, f"{c} (published)"] if c in printed else [c]
    lines = [f"# {title}", "", caption, "", _line(head), _line(["---"] * len(head))]
    for row, found in grid(records).items():
        line = list(row)
        for c in names:
            record = found.get(c)
            line.append(_cell(record, notes))
            if c in printed:
                line.append(f"{record['published']:g}" if record and record["published"] is not None else "–")
        lines.append(_line(line))
    lines += ["", "Mean over items with its 95 % bootstrap interval and the number of items.", ""]
    lines += [f"{i}. {note}" for i, note in enumerate(notes, 1)]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"


def _cell(record: Mapping[str, Any] | None, notes: list[str]) -> str:
    if record is None:
        return "–"
    text = number(record["value"])
    if record["low"] is not None:
        text += f" [{number(record['low'])}, {number(record['high'])}]"
    if record["value"] is not None and record["count"] is not None:
        text += f" ({record['count']})"
    if record["note"]:
        if record["note"] not in notes:
            notes.append(record["note"])
        text += f" <sup>{notes.index(record['note']) + 1}</sup>"
    return text
