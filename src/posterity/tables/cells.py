"""The cell of a table, and means over items with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SEPARATOR", "Cell", "interval", "item_means", "join", "mean_cell", "paired_cell", "reason"]

SEPARATOR = " / "
"""Separator of the parts of a row's name."""
_REPLICATES = 10_000


@dataclass(frozen=True)
class Cell:
    """One number of a table; ``value`` None is N/A and ``note`` says why."""

    row: tuple[str, ...]
    column: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    count: int | None = None
    published: float | None = None
    note: str | None = None

    def record(self) -> dict[str, Any]:
        """Return the row of the artifact, without experiment and table."""
        return {**vars(self), "row": SEPARATOR.join(self.row)}


def interval(values: Sequence[float] | NDArray[np.floating[Any]]) -> tuple[float | None, float | None]:
    """Return the 95 % percentile bootstrap interval of the mean; (None, None) for fewer than two values."""
    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        return None, None
    rng = np.random.default_rng(0)  # every cell uses the same seed, so that a cell does not depend on the others
    means = x[rng.integers(len(x), size=(_REPLICATES, len(x)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def item_means(rows: pd.DataFrame) -> pd.Series[Any]:
    """Return {item: mean over its samples} of one run and metric, without N/A items."""
    return rows.dropna(subset=["value"]).groupby("item")["value"].mean()


def reason(rows: pd.DataFrame) -> str:
    """Return why the rows hold no value."""
    told = [r for r in rows["reason"].dropna().unique() if r]
    return "; ".join(told) if told else "N/A: not measured"


def mean_cell(
    row: tuple[str, ...], column: str, rows: pd.DataFrame, published: float | None = None, note: str | None = None
) -> Cell:
    """Return the mean over items of each item's mean, with its interval, or N/A with the metric's reason."""
    means = item_means(rows)
    if means.empty:
        return Cell(row, column, count=0, published=published, note=join(reason(rows), note))
    low, high = interval(means.to_numpy())
    return Cell(row, column, float(means.mean()), low, high, len(means), published, note)


def paired_cell(
    row: tuple[str, ...], column: str, rows: pd.DataFrame, others: pd.DataFrame, published: float | None = None
) -> Cell:
    """Return the mean paired difference, rows − others, over the items of both, with its interval."""
    ours, theirs = item_means(rows), item_means(others)
    both = ours.index.intersection(theirs.index)
    if both.empty:
        why = reason(rows) if ours.empty else reason(others)
        return Cell(row, column, count=0, published=published, note=why)
    x = (ours[both] - theirs[both]).to_numpy()
    low, high = interval(x)
    return Cell(row, column, float(x.mean()), low, high, len(x), published)


def join(*notes: str | None) -> str | None:
    """Join notes into one line; None if there are none."""
    told: Iterable[str] = dict.fromkeys(n for n in notes if n)
    return "; ".join(told) or None
