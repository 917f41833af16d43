"""Distance of every sampler to the exact posterior of the closed-form problems."""

from __future__ import annotations

from posterity.tables import _toys
from posterity.tables.cells import Cell, interval
from posterity.tables.frames import Frames

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("problems",)
ROWS = ("prior", "dim", "sampler")
TITLE = "Distance to the exact posterior of the closed-form problems"
CAPTION = (
    "Sliced Wasserstein distance (mixture) or W2 of the moments (gaussian) to the exact posterior: mean over "
    "instances with a 95 % bootstrap interval, and median. All samplers have the same instances, and the paired "
    "difference is from MGPS. Row exact is the floor, the score of equally many exact draws; exact_score is the "
    "ancestral sampler with the posterior's own denoiser; prior ignores the measurement. Diverged draws are replaced "
    "by draws from the prior, and the instances that have any are counted. No published numbers: the paper's table is "
    "not recoverable."
)
_BASE = "mgps"


def cells(frames: Frames) -> list[Cell]:
    """Return one row per sampler, nearest first between the bounds."""
    out = []
    for place, rows in _toys.plain(frames).groupby(["prior", "dim"]):
        by_sampler = dict(list(rows.groupby("sampler")))
        base = by_sampler[_BASE].set_index("instance")["value"] if _BASE in by_sampler else None
        for name in sorted(by_sampler, key=lambda n: (_rank(n), by_sampler[n]["value"].mean())):
            one, row = by_sampler[name], (str(place[0]), str(place[1]), name)
            mean, low, high, median, diverged = _toys.summary(one)
            out.append(Cell(row, "mean", mean, low, high, len(one)))
            out.append(Cell(row, "median", median, count=len(one)))
            if base is None:
                out.append(Cell(row, f"minus {_BASE}", note=f"N/A: {_BASE} was not run"))
            else:
                gap = (one.set_index("instance")["value"] - base).dropna().to_numpy()
                out.append(Cell(row, f"minus {_BASE}", float(gap.mean()), *interval(gap), len(gap)))
            out.append(Cell(row, "diverged", float(diverged), count=len(one)))
            costs = one[["forwards", "backwards", "seconds"]].mean()
            out += [Cell(row, str(column), float(mean), count=len(one)) for column, mean in costs.items()]
    return out


def _rank(name: str) -> int:
    return _toys.ORDER.index(name) - len(_toys.ORDER) if name in _toys.ORDER else int(name == "prior")
