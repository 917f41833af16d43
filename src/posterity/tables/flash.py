"""Compares late starts (Flash) with the plain sampler and with the best fixed start: calls, LPIPS, PSNR."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posterity.tables import _published_runs, _runs
from posterity.tables.cells import Cell, interval, item_means, join, mean_cell, paired_cell
from posterity.tables.frames import KEYS, Artifact, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("metrics", "late_start")
ROWS = KEYS
TITLE = "Late starts, and what they save"
CAPTION = (
    "Start index and network calls per sample; start minus the one that the exact posterior implies on the same "
    "levels; calls of the plain sampler over calls. v̂ is the predicted and v̄ the true variance of the estimate's "
    "error, both means over items; clamped is the share of items with cv̂ ≥ 1. Then LPIPS and PSNR, and their "
    "differences, paired by item, from the plain sampler and from the best fixed start of the same method (by LPIPS, "
    "or by PSNR if LPIPS was not measured); fixed alike is the best of those fixed starts whose mean calls differ by "
    "at most a tenth, or half a call. A start of 0 makes no call: the first state itself is decoded."
)
_QUALITY = {"lpips": 1, "psnr": -1}
"""Metrics, and whether less is better (1) or more (-1)."""
_NONE = {
    "plain": "N/A: the plain sampler was not run",
    "best fixed": "N/A: no fixed start was run",
    "fixed alike": "N/A: no fixed start takes about as many calls",
}
"""Reasons why there is no run to compare with."""


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run with a late start."""
    runs = {tuple(a.key[k] for k in KEYS): a for a in frames.of("samples")}
    late = {key: found for key, a in runs.items() if (found := a.recipe.wrapper("flash")) is not None}
    if not late:
        raise frames.missing("samples", none="of a run that begins late")
    columns = (*KEYS, "item", "sample", "start", "forwards")
    drawn = {key: rows for key, rows in frames.frame("samples", columns).groupby(list(KEYS))}  # noqa: C416
    measured = dict(_runs.runs(_runs.shown(frames.frame("metrics"))))
    about = _Severities(frames)

    def rows() -> Iterator[Cell]:
        for key in sorted(late, key=lambda key: (*key[:3], runs[key].recipe.method, key[3])):
            others = [k for k in runs if k[:3] == key[:3] and runs[k].recipe.method == runs[key].recipe.method]
            exact = [k for k in others if k in late and _asks(about.kind(k, late[k]), late[k])]
            fixed = [k for k in others if k in late and _fixed(about.kind(k, late[k]), late[k])]
            alike = [] if key in fixed else [k for k in fixed if _alike_in_calls(drawn[k], drawn[key])]
            plain = [k for k in others if not runs[k].recipe.wrap]
            asked = [k for k in exact if _alike(runs[k], runs[key])]
            yield from _cost(key, drawn, _best(plain, measured), asked[0] if asked else None)
            yield from about.cells(key, late[key])
            against = {"plain": _best(plain, measured), "best fixed": _best(fixed, measured)}
            against["fixed alike"] = _best(alike, measured)
            for metric in _QUALITY:
                yield from _quality(key, metric, measured, against)

    return [_beside(frames, cell) for cell in rows()]


def _beside(frames: Frames, cell: Cell) -> Cell:
    """Return the cell with the paper's number, if there is one."""
    if cell.column not in ("start", *_QUALITY):
        return cell
    return replace(cell, published=_published_runs.value(frames, cell.row, cell.column))


def _alike(one: Artifact, other: Artifact) -> bool:
    """Return True if both runs use the same levels."""
    ours, theirs = json.loads(one.recipe.settings), json.loads(other.recipe.settings)
    return bool(ours["steps"] == theirs["steps"] if "steps" in {*ours} & {*theirs} else ours == theirs)


def _walks(flash: Mapping[str, Any]) -> bool:
    """Return True if the run visits any levels after its start."""
    return flash["init"] != "added" and flash["multiplier"] > 0


def _fixed(kind: str, flash: Mapping[str, Any]) -> bool:
    """Return True if all items have the same start."""
    return (kind == "fixed" or flash.get("time") is not None) and _walks(flash)


def _asks(kind: str, flash: Mapping[str, Any]) -> bool:
    """Return True if each item starts where the exact posterior implies."""
    return kind == "exact" and flash.get("time") is None and flash["multiplier"] == 1 and _walks(flash)


def _alike_in_calls(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return True if two runs make about equally many calls."""
    ours, theirs = float(_of_items(one, "forwards").mean()), float(_of_items(other, "forwards").mean())
    return abs(ours - theirs) <= max(0.1 * theirs, 0.5)


def _best(keys: list[Any], measured: Mapping[Any, pd.DataFrame]) -> Any:
    """Return the run with the best mean quality; None if there are no runs."""
    for metric, sign in _QUALITY.items():
        means = {k: item_means(rows[rows["metric"] == metric]) for k in keys if (rows := measured.get(k)) is not None}
        means = {k: own for k, own in means.items() if not own.empty}
        if means:
            return min(means, key=lambda k: sign * float(means[k].mean()))
    return keys[0] if keys else None


def _cost(key: Any, drawn: Mapping[Any, pd.DataFrame], plain: Any, exact: Any) -> Iterator[Cell]:
    """Yield start and calls, and both relative to other runs."""
    starts, calls = (_of_items(drawn[key], column) for column in ("start", "forwards"))
    yield _mean(key, "start", starts)
    if exact is None:
        yield Cell(
            key, "start − exact", note="N/A: no run with the same settings starts where the exact posterior implies"
        )
    else:
        yield _mean(key, "start − exact", starts - _of_items(drawn[exact], "start"))
    yield _mean(key, "calls", calls)
    if plain is None:
        yield Cell(key, "plain / calls", note="N/A: the plain sampler was not run")
    elif not calls.mean():
        yield Cell(key, "plain / calls", note="N/A: no call was made")
    else:
        yield Cell(key, "plain / calls", float(_of_items(drawn[plain], "forwards").mean() / calls.mean()))


def _quality(key: Any, metric: str, measured: Mapping[Any, pd.DataFrame], against: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield a metric, and its differences from the runs ``against``, {name: run or None}."""

    def of(run: Any) -> pd.DataFrame:
        return measured[run][measured[run]["metric"] == metric]

    if key not in measured or of(key).empty:
        return
    yield mean_cell(key, metric, of(key))
    for what, other in against.items():
        column = f"{metric} − {what}"
        if other not in measured:
            yield Cell(key, column, note=_NONE[what])
        else:
            found = paired_cell(key, column, of(key), of(other))
            yield replace(found, note=join(found.note, f"from {other[3]}"))


def _of_items(rows: pd.DataFrame, column: str) -> pd.Series[Any]:
    return rows.groupby("item")[column].mean()


def _mean(key: Any, column: str, values: pd.Series[Any]) -> Cell:
    """Return the cell of the mean over items, with its interval."""
    values = values.dropna()
    low, high = interval(values.to_numpy())
    return Cell(key, column, float(values.mean()), low, high, len(values))


class _Severities:
    """The severities of all runs."""

    def __init__(self, frames: Frames) -> None:
        self._kinds: dict[Any, str] = {}
        self._others: dict[Any, str | None] = {}
        for artifact in frames.of("severity"):
            origin = artifact.about.get("origin", {})
            about = origin.get("settings", {}).get("severity", {})
            key = (*(artifact.key[k] for k in KEYS[:3]), about.get("name"))
            self._kinds[key], self._others[key] = about.get("kind", ""), origin.get("other")
        columns = (*KEYS[:3], "severity", "item", "v_hat", "v_bar")
        self._rows = frames.frame("severity", columns).set_index([*KEYS[:3], "severity"]).sort_index()

    def kind(self, key: Any, flash: Mapping[str, Any]) -> str:
        """Return the kind of a run's severity estimator."""
        return self._kinds.get((*key[:3], flash["severity"]), "")

    def cells(self, key: Any, flash: Mapping[str, Any]) -> Iterator[Cell]:
        """Yield predicted and true error, their correlation, and how often the first state was clamped."""
        rows = self._rows.loc[[(*key[:3], flash["severity"])]].set_index("item")
        # an encoder trained for another task, which may be the point of the experiment
        other = self._others.get((*key[:3], flash["severity"]))
        yield replace(_mean(key, "v̂", rows["v_hat"]), note=other)
        known = rows.dropna(subset=["v_bar"])
        if known.empty:
            yield Cell(key, "v̄", count=0, note="N/A: the truth is unknown")
            return
        yield _mean(key, "v̄", known["v_bar"])
        varied = len(known) > 2 and known["v_hat"].nunique() > 1 and known["v_bar"].nunique() > 1
        told = float(known["v_hat"].corr(known["v_bar"])) if varied else None
        why = None if varied else "N/A: fewer than three items, or the same variance for all"
        yield Cell(key, "r(v̂, v̄)", told, count=len(known) if varied else None, note=why)
        yield Cell(key, "v̂ / v̄", float(known["v_hat"].mean() / known["v_bar"].mean()), count=len(known))
        share = (flash["c"] or 0) * flash["multiplier"] * rows["v_hat"]
        yield Cell(key, "clamped", float(((share >= 1) & (flash["init"] == "paper")).mean()), count=len(rows))
