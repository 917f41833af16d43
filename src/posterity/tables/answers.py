"""Number of answers that fit a measurement, and how often a sampler draws one that the measurement rules out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posterity.tables import _runs
from posterity.tables.cells import Cell, interval
from posterity.tables.exact_posterior import FLOOR
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CAPTION", "LEAST", "NEEDS", "ROWS", "TITLE", "cells", "effective", "probabilities"]

NEEDS = ("closed_form",)
ROWS = KEYS
TITLE = "Answers that fit, and answers that are ruled out"
LEAST = 1e-3
"""Exact probability below which an answer is ruled out by the measurement."""
CAPTION = (
    "Answers that fit: the exponential of the entropy of the exact posterior over the prior's pictures. Ruled out: "
    "the share of draws that show a picture of exact probability under 1 in 1000. exact_again, a second exact "
    "sampler, is the floor, and the last column is the difference from it, paired by item."
)


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run whose prior has an exact posterior over pictures."""
    draws = probabilities(frames)
    fit = effective(frames)
    out: list[Cell] = []
    by_run = dict(_runs.runs(draws))
    for run, rows in by_run.items():
        numbers = fit.loc[run[:3]].reindex(rows["item"].unique())
        out.append(_mean(run, "answers that fit", numbers))
        out.append(_mean(run, "ruled out", _share(rows)))
        floor = by_run.get((*run[:3], FLOOR))
        if floor is None:
            out.append(Cell(run, "ruled out − floor", count=0, note=f"N/A: {FLOOR} was not run here"))
        else:
            out.append(_mean(run, "ruled out − floor", (_share(rows) - _share(floor)).dropna()))
    return out


def probabilities(frames: Frames) -> pd.DataFrame:
    """Return the draws of all runs with a known posterior, each with the exact probability of the picture it shows.

    Probabilities below 1e-4 are not recorded and count as 0.
    """
    exact = frames.frame("posterior", ("dataset", "task", "item", "prior", "mode", "probability"))
    columns = (*KEYS, "method", "wrappers", "item", "sample", "mode")
    draws = frames.frame("samples", columns).dropna(subset=["mode"])
    draws = draws.merge(exact[["dataset", "task", "prior"]].drop_duplicates())
    if draws.empty:
        raise frames.missing("samples", none="of a prior whose exact posterior is one over pictures")
    draws["mode"] = draws["mode"].astype(int)
    draws = draws.merge(exact, how="left", on=["dataset", "task", "prior", "item", "mode"])
    return draws.assign(probability=draws["probability"].fillna(0.0))


def effective(frames: Frames) -> pd.Series[float]:
    """Return the effective number of answers by (dataset, task, prior, item)."""
    rows = frames.frame("posterior", ("dataset", "task", "prior", "item", "probability"))
    terms = -rows["probability"] * np.log(rows["probability"])
    entropy = terms.groupby([rows[k] for k in ("dataset", "task", "prior", "item")]).sum()
    return np.exp(entropy)


def _share(rows: pd.DataFrame) -> pd.Series[float]:
    """By item."""
    return (rows["probability"] < LEAST).groupby(rows["item"]).mean()


def _mean(run: tuple[str, ...], column: str, by_item: pd.Series[float]) -> Cell:
    low, high = interval(by_item.to_numpy())
    return Cell(run, column, float(by_item.mean()), low, high, len(by_item))
