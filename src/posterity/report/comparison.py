"""Compares two runs of an experiment number by number: which differ, by how much, and whether significantly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posterity.report.rendering import rendered
from posterity.tables.text import number

__all__ = ["VERDICTS", "Compared", "Difference", "compare", "counted", "render"]

Record = Mapping[str, Any]
VERDICTS = ("differs", "only in A", "only in B", "no interval", "within intervals", "same")
"""Verdicts, the most interesting first."""


@dataclass(frozen=True)
class Difference:
    """One number in both archives.

    Arguments:
        table, row, column: where it stands.
        a, b: the values, None for N/A.
        by: b − a.
        half: half width of the interval of the difference of two independent values; None if either has no interval.
        verdict: one of ``VERDICTS``.
    """

    table: str
    row: str
    column: str
    a: float | None
    b: float | None
    by: float | None
    half: float | None
    verdict: str

    @property
    def size(self) -> float:
        """Return the difference in units of ``half``; infinite without an interval."""
        if self.by is None or not self.half:
            return math.inf
        return abs(self.by) / self.half


@dataclass(frozen=True)
class Compared:
    """The content of the page.

    Arguments:
        names: names of the two archives.
        about: other differences between them, in words.
        differences: the differences shown.
        counts: {verdict: number of numbers}.
    """

    names: tuple[str, str]
    about: Sequence[tuple[str, str]]
    differences: Sequence[Difference]
    counts: Mapping[str, int]


def compare(a: Iterable[Record], b: Iterable[Record]) -> list[Difference]:
    """Pair records of the artifact "tables" by table, row and column; the largest differences come first."""
    ours, theirs = ({(r["table"], r["row"], r["column"]): r for r in records} for records in (a, b))
    found = [_difference(key, ours.get(key), theirs.get(key)) for key in dict.fromkeys([*ours, *theirs])]
    return sorted(found, key=lambda d: (VERDICTS.index(d.verdict), -d.size))


def counted(differences: Iterable[Difference]) -> dict[str, int]:
    """Count numbers by their verdict, in the order of ``VERDICTS``."""
    every = [d.verdict for d in differences]
    return {verdict: every.count(verdict) for verdict in VERDICTS}


def render(compared: Compared) -> str:
    """Return the page as self-contained HTML."""
    return rendered("compared.html", page=compared, number=number)


def _difference(key: tuple[str, str, str], a: Record | None, b: Record | None) -> Difference:
    if a is None or b is None:
        found = a or b
        assert found is not None
        ours, theirs = (None, found["value"]) if a is None else (found["value"], None)
        return Difference(*key, ours, theirs, None, None, "only in B" if a is None else "only in A")
    if a["value"] is None or b["value"] is None:
        verdict = "same" if a["value"] is b["value"] else "only in A" if b["value"] is None else "only in B"
        return Difference(*key, a["value"], b["value"], None, None, verdict)
    by = b["value"] - a["value"]
    half = _half(a, b, by)
    verdict = (
        "same" if by == 0 else "no interval" if half is None else "differs" if abs(by) > half else "within intervals"
    )
    return Difference(*key, a["value"], b["value"], by, half, verdict)


def _half(a: Record, b: Record, by: float) -> float | None:
    """Combine in quadrature the half widths of the two intervals on the sides that face each other."""
    if any(record[end] is None for record in (a, b) for end in ("low", "high")):
        return None
    up, down = (a, b) if by > 0 else (b, a)
    return math.hypot(up["high"] - up["value"], down["value"] - down["low"])
