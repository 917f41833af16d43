"""Lays out a table's artifact for the page: grouped rows, values with intervals, notes as footnotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posterity.tables.text import columns, grid, number

__all__ = ["Line", "Shown", "Value", "shown"]


@dataclass(frozen=True)
class Value:
    """One cell as text; ``mark`` points to its footnote, ``number`` is its sort key."""

    text: str
    number: float | None = None
    interval: str = ""
    published: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Line:
    """A row: the parts of its name with the rows that each spans (0: covered from above), its values, its sampler."""

    heads: list[tuple[str, int]]
    values: list[Value]
    sampler: str = ""


@dataclass(frozen=True)
class Shown:
    """A table as text."""

    title: str
    caption: str
    heads: list[str]
    columns: list[str]
    lines: list[Line]
    notes: list[tuple[str, str]]
    counts: str


def shown(records: Sequence[Mapping[str, Any]], origin: Mapping[str, Any]) -> Shown:
    """Return the table for the page, from records in long form and the table's provenance."""
    rows, names, notes = grid(records), columns(records), list[str]()
    width = max(len(r) for r in rows)
    keys = [(*r, *[""] * (width - len(r))) for r in rows]
    heads = list(origin.get("rows", [])) or [""] * width
    place = heads.index("sampler") if "sampler" in heads else None
    lines = [
        Line(parts, [_value(found.get(c), notes) for c in names], "" if place is None else key[place])
        for key, parts, found in zip(keys, _spans(keys), rows.values(), strict=True)
    ]
    counted = sorted({r["count"] for r in records if r["value"] is not None and r["count"]})
    counts = f"{counted[0]}" if len(counted) == 1 else f"{counted[0]} to {counted[-1]}" if counted else ""
    title = origin.get("title") or records[0]["table"].replace("_", " ").capitalize()
    return Shown(
        title, origin.get("caption", ""), heads, names, lines, [(letter(i), n) for i, n in enumerate(notes)], counts
    )


def letter(index: int) -> str:
    """Return a footnote mark (a, b, …, z, aa, ab, …), a letter so that it is not mistaken for an exponent."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)


def _value(record: Mapping[str, Any] | None, notes: list[str]) -> Value:
    if record is None:
        return Value("–")
    mark = ""
    if record["note"]:
        if record["note"] not in notes:
            notes.append(record["note"])
        mark = letter(notes.index(record["note"]))
    ends = [number(record[k]) for k in ("low", "high")] if record["low"] is not None else []
    interval = " to ".join(ends) if len(set(ends)) == 2 else ""  # no interval if all items agree
    published = "" if record["published"] is None else f"{record['published']:g}"
    return Value(number(record["value"]), record["value"], interval, published, mark)


def _spans(keys: Sequence[tuple[str, ...]]) -> list[list[tuple[str, int]]]:
    """Return for each row and part the number of rows that share all parts up to it; 0 if an earlier row covers it."""
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
