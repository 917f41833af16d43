"""Findings of an experiment in one sentence each, with intervals and the floor, from the records of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posterity.figures import style
from posterity.tables.cells import SEPARATOR
from posterity.tables.exact_posterior import FLOOR
from posterity.tables.text import number

if TYPE_CHECKING:
    from posterity.tables.frames import Frames

__all__ = ["Finding", "findings", "names"]

Record = Mapping[str, Any]
_DISTANCE, _RULED_OUT, _FIT = "sliced_wasserstein", "ruled out", "answers that fit"


@dataclass(frozen=True)
class Finding:
    """A sentence and its subject, which is printed in front of it."""

    about: str
    text: str
    sampler: str = ""


def names(frames: Frames) -> dict[str, str]:
    """Return {sampler: its method and wrappers in words}; samplers whose words are not unique keep their names."""
    if not frames.of("metrics"):
        return {}
    rows = frames.frame("metrics", ("sampler", "method", "wrappers")).drop_duplicates()
    words = {
        r.sampler: " + ".join([style.name(r.method), *(["guidance"] if r.wrappers == "diversity" else [])])
        if r.wrappers in ("", "diversity") else style.name(r.sampler)
        for r in rows.itertuples()
    }  # fmt: skip
    return {k: w if [*words.values()].count(w) == 1 else style.name(k) for k, w in words.items()}


def findings(tables: Mapping[str, Sequence[Record]], words: Mapping[str, str]) -> list[Finding]:
    """Return, from the tables answers and exact_posterior, how many answers fit, then one sentence per sampler.

    A sampler's sentence is about its worst task; the worst samplers come first.
    """
    cells = {
        (tuple(r["row"].split(SEPARATOR)), r["column"]): r
        for name in ("answers", "exact_posterior") for r in tables.get(name, ()) if r["value"] is not None
    }  # fmt: skip
    runs = list(dict.fromkeys(row for row, _ in cells))
    samplers = list(dict.fromkeys(row[3] for row in runs if not row[3].startswith("exact")))
    worst = {s: max((r for r in runs if r[3] == s), key=lambda r: _error(cells, r)) for s in samplers}
    ordered = sorted(samplers, key=lambda s: _error(cells, worst[s]), reverse=True)
    told = [Finding(words.get(s, s), text, s) for s in ordered if (text := _sentence(cells, worst[s]))]
    return [*_fit(cells, runs), *told]


def _error(cells: Mapping[Any, Record], run: tuple[str, ...]) -> tuple[float, float]:
    """Return the sort key of a run: its share of ruled-out draws, then its distance in units of the floor."""
    ruled, distance = cells.get((run, _RULED_OUT)), cells.get((run, _DISTANCE))
    floor = cells.get(((*run[:3], FLOOR), _DISTANCE))
    ratio = distance["value"] / floor["value"] if distance and floor and floor["value"] > 0 else 0.0
    return (ruled["value"] if ruled else 0.0), ratio


def _fit(cells: Mapping[Any, Record], runs: Sequence[tuple[str, ...]]) -> list[Finding]:
    places = {run[:3]: cells[run, _FIT] for run in runs if (run, _FIT) in cells}
    if not places:
        return []
    parts = [f"{number(r['value'])} at {_place(p, places)}{_interval(r)}" for p, r in places.items()]
    return [Finding("Answers that fit", f"{'; '.join(parts)}. {_over([*places.values()])}")]


def _sentence(cells: Mapping[Any, Record], run: tuple[str, ...]) -> str:
    """Return the share of ruled-out draws, then the distance, each with its interval and floor."""
    floor, places = (*run[:3], FLOOR), {row[:3] for row, _ in cells}
    parts = []
    if ruled := cells.get((run, _RULED_OUT)):
        beside = cells.get((floor, _RULED_OUT))
        again = f"exact draws {_percent(beside['value'])}" if beside else "no floor was run"
        parts.append(
            f"{_percent(ruled['value'])} of the draws show an answer that the measurement rules out"
            f"{_interval(ruled, _percent, again)}"
        )
    if distance := cells.get((run, _DISTANCE)):
        beside = cells.get((floor, _DISTANCE))
        again = f"floor {number(beside['value'])}" if beside else "no floor was run"
        parts.append(f"distance from exact draws {number(distance['value'])}{_interval(distance, number, again)}")
    return f"{'; '.join(parts)}, at {_place(run[:3], places)}." if parts else ""


def _interval(record: Record, words: Any = number, more: str = "") -> str:
    """Return the interval in brackets, with ``more`` behind it."""
    parts = [] if record["low"] is None else [f"{words(record['low'])} to {words(record['high'])}"]
    parts += [more] if more else []
    return f" ({'; '.join(parts)})" if parts else ""


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _place(place: tuple[str, ...], places: Any) -> str:
    """Return the task, with the data set and the prior if they differ between places."""
    several = [len({p[k] for p in places}) > 1 for k in range(3)]
    more = [place[k] for k in (0, 2) if several[k]]
    return style.name(place[1]) + (f" ({', '.join(more)})" if more else "")


def _over(records: Sequence[Record]) -> str:
    counts = sorted({r["count"] for r in records})
    if counts == [1]:
        return "Of one item."
    return f"Means over {counts[0]} items." if len(counts) == 1 else f"Means over {counts[0]} to {counts[-1]} items."
