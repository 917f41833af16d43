"""A table's artifact as the page shows it: grouped rows, values with intervals, notes as footnotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posterity.tables.text import columns, grid, number

__all__ = ["Line", "Shown", "Value", "shown"]


@dataclass(frozen=True)
class Value:
    """One cell in words; ``mark`` is the number of its footnote."""

    text: str
    interval: str = ""
    published: str = ""
    mark: int | None = None


@dataclass(frozen=True)
class Line:
    """A row: its name's parts with the rows that each spans (0: covered from above), and its values."""

    heads: list[tuple[str, int]]
    values: list[Value]


@dataclass(frozen=True)
class Shown:
    """A table in words."""

    title: str
    caption: str
    heads: list[str]
    columns: list[str]
    lines: list[Line]
    notes: list[str]
    counts: str


def shown(records: Sequence[Mapping[str, Any]], origin: Mapping[str, Any]) -> Shown:
    """Long records and what the table says about itself → the table for people."""
    rows, names, notes = grid(records), columns(records), list[str]()
    width = max(len(r) for r in rows)
    keys = [(*r, *[""] * (width - len(r))) for r in rows]
    lines = [
        Line(heads, [_value(found.get(c), notes) for c in names])
        for heads, found in zip(_spans(keys), rows.values(), strict=True)
    ]
    heads = list(origin.get("rows", [])) or [""] * width
    counted = sorted({r["count"] for r in records if r["value"] is not None and r["count"]})
    counts = f"{counted[0]}" if len(counted) == 1 else f"{counted[0]} to {counted[-1]}" if counted else ""
    title = origin.get("title") or records[0]["table"].replace("_", " ").capitalize()
    return Shown(title, origin.get("caption", ""), heads, names, lines, notes, counts)


def _value(record: Mapping[str, Any] | None, notes: list[str]) -> Value:
    if record is None:
        return Value("–")
    mark = None
    if record["note"]:
        if record["note"] not in notes:
            notes.append(record["note"])
        mark = notes.index(record["note"]) + 1
    interval = "" if record["low"] is None else f"{number(record['low'])} to {number(record['high'])}"
    return Value(
        number(record["value"]), interval, "" if record["published"] is None else f"{record['published']:g}", mark
    )


def _spans(keys: Sequence[tuple[str, ...]]) -> list[list[tuple[str, int]]]:
    """For every row and part: how many rows share all parts up to it; 0 where an earlier row covers it."""
    out = []
    for i, key in enumerate(keys):
        line = []
        for depth, part in enumerate(key):
            prefix = key[: depth + 1]
            fresh = depth == len(key) - 1 or i == 0 or keys[i - 1][: depth + 1] != prefix
            span = 1
            while fresh and depth < len(key) - 1 and i + span < len(keys) and keys[i + span][: depth + 1] == prefix:
                span += 1
            line.append((part, span if fresh else 0))
        out.append(line)
    return out
