"""Compares the rules that choose the shown samples: diversity against coverage of the pool."""

from __future__ import annotations

from posterity.tables import _runs
from posterity.tables.cells import Cell, mean_cell, paired_cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("subset_metrics",)
ROWS = (*KEYS, "subset")
TITLE = "Choosing what is shown"
CAPTION = (
    "LPIPS diversity of the chosen set, the same minus that of the random set of the same pool, the share of the rest "
    "of the pool that has a similar image in the set (coverage, a machine's stand-in for people), and the share of the "
    "exact posterior's modes that the set shows."
)
_ORDER = ("random", "kmeans", "uniformization", "fps")


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run and subset."""
    metrics = frames.frame("metrics")
    rows = metrics[metrics["subset"].notna()]
    if rows.empty:
        raise frames.missing("metrics", none="about chosen subsets")
    out = []
    for run, own in _runs.runs(rows):
        names = sorted(own["subset"].unique(), key=lambda n: (_ORDER.index(n) if n in _ORDER else len(_ORDER), n))
        for name in names:
            of = dict(iter(own[own["subset"] == name].groupby("metric")))
            row, empty = (*run, name), own.iloc[:0]
            random = own[(own["subset"] == "random") & (own["metric"] == "diversity")]
            out.append(mean_cell(row, "diversity", of.get("diversity", empty)))
            if name == "random":
                out.append(Cell(row, "diversity − random", count=0, note="N/A: this is the random set"))
            else:
                out.append(paired_cell(row, "diversity − random", of.get("diversity", empty), random))
            out += [mean_cell(row, m, of.get(m, empty)) for m in ("coverage", "modes_shown")]
    return out
