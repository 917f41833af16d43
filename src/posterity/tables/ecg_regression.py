"""Regression to the mean of restored leads (Presacan et al. 2025): R amplitudes of draws against the truth's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.diffusion.noise import generator
from posterity.ecg import comparison
from posterity.signals.ecg import LEADS
from posterity.tables import _ecg
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "COLUMNS", "NEEDS", "ROWS", "TITLE", "TRUTH", "cells"]

NEEDS = ("leads",)
ROWS = (*KEYS, "lead")
TITLE = "Regression to the mean of restored leads"
TRUTH = "truth"
COLUMNS = ("variance ratio", "R²(error, truth)", "inter-lead R²", "bias", "limits of agreement")
CAPTION = (
    "R amplitudes of restored leads, over records. Variance ratio: of single draws over that of the truth; 1 where "
    "draws are as varied as people. R²(error, truth): how much of the error the true amplitude explains; a posterior "
    "draw has some, the predictions of Presacan et al. 2025 had .92. Inter-lead R²: of a draw's amplitude with the "
    "measured first lead's; leads that are too alike have more than the truth has. Bias and limits of agreement (1.96 "
    "standard deviations) of draw minus truth are in mV. Exact draws and the truth are the yardstick, not 1 and 0; "
    "intervals are 95 % bootstrap intervals over records."
)
_LEAST = 3
"""Minimum number of records for a meaningful correlation."""
_REPLICATES = 400
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Lead:
    """R amplitudes in mV of one restored lead: truth (records,), a measured lead (records,), and draws (records, N)."""

    name: str
    truth: Array
    beside: Array
    draws: Array


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run and restored lead, and one of the truths for each dataset and task.

    Raises:
        PosterityError: if no run restores whole leads from measured ones.
    """
    out: list[Cell] = []
    told: set[tuple[str, ...]] = set()
    for artifact in _ecg.runs(frames):
        row = tuple(artifact.key[k] for k in KEYS)
        for lead in _leads([one for _, one in _ecg.restored(frames, artifact.key)]):
            if (place := (*row[:3], TRUTH, lead.name)) not in told:
                told.add(place)
                out += _of_truth(place, lead)
            out += [_cell((*row, lead.name), column, lead, _STATISTICS[column]) for column in COLUMNS]
    if not out:
        raise frames.missing("samples", none=f"of ECGs with whole leads missing and {_LEAST} records or more")
    return out


def _leads(records: Sequence[_ecg.Restored]) -> Iterator[_Lead]:
    """Yield the leads that are entirely missing in every record, if another lead is entirely measured."""
    if len(records) < _LEAST:
        return
    whole = np.all([one.missing.all(1) for one in records], axis=0)
    measured = ~np.any([one.missing.any(1) for one in records], axis=0)
    if not whole.any() or not measured.any():
        return
    peaks = [comparison.places(one.truth, one.rate) for one in records]
    both = [
        comparison.r_amplitudes(np.concatenate([one.truth[None], one.draws]), at, one.rate)
        for one, at in zip(records, peaks, strict=True)
    ]
    truth, draws = np.stack([x[0] for x in both]), np.stack([x[1:] for x in both])
    known = np.isfinite(truth).all(1)
    for row in np.flatnonzero(whole) if known.sum() >= _LEAST else ():
        yield _Lead(LEADS[row], truth[known, row], truth[known, measured.argmax()], draws[known, :, row])


def _of_truth(row: tuple[str, ...], lead: _Lead) -> list[Cell]:
    """Return the row of the truth, the yardstick for the samplers' numbers."""
    own = _Lead(lead.name, lead.truth, lead.beside, lead.truth[:, None])
    made = [_cell(row, column, own, _STATISTICS[column]) for column in ("variance ratio", "inter-lead R²")]
    return made + [Cell(row, c, count=0, note="N/A: the truth has no error") for c in COLUMNS if c not in _OF_TRUTH]


def _ratio(truth: Array, beside: Array, draws: Array) -> Array:  # noqa: ARG001
    return draws.var(-2, ddof=1).mean(-1) / truth.var(-1, ddof=1)


def _explained(truth: Array, beside: Array, draws: Array) -> Array:  # noqa: ARG001
    return comparison.r_squared(draws - truth[..., None], np.broadcast_to(truth[..., None], draws.shape), -2).mean(-1)


def _alike(truth: Array, beside: Array, draws: Array) -> Array:  # noqa: ARG001
    return comparison.r_squared(draws, np.broadcast_to(beside[..., None], draws.shape), -2).mean(-1)


def _bias(truth: Array, beside: Array, draws: Array) -> Array:  # noqa: ARG001
    return (draws - truth[..., None]).mean((-2, -1))


def _limits(truth: Array, beside: Array, draws: Array) -> Array:  # noqa: ARG001
    return 1.96 * (draws - truth[..., None]).std(-2, ddof=1).mean(-1)


Statistic = Callable[[Array, Array, Array], Array]
_STATISTICS: dict[str, Statistic] = dict(zip(COLUMNS, (_ratio, _explained, _alike, _bias, _limits), strict=True))
_OF_TRUTH = ("variance ratio", "inter-lead R²")


def _cell(row: tuple[str, ...], column: str, lead: _Lead, statistic: Statistic) -> Cell:
    """Return the statistic over all records, with a bootstrap interval over records."""
    parts = lead.truth, lead.beside, lead.draws
    value = float(statistic(*parts))
    count = len(lead.truth)
    if not np.isfinite(value):
        return Cell(row, column, count=0, note="N/A: the amplitudes do not vary")
    chosen = generator("ecg regression", count).integers(count, size=(_REPLICATES, count))
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = statistic(*(part[chosen] for part in parts))
    low, high = np.nanpercentile(replicates, [2.5, 97.5])
    return Cell(row, column, value, float(low), float(high), count)
