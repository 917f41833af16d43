"""Heaviness of the posterior's tails (Cohen et al. 2024, Sec. 3 and Fig. 3)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posterity.tables import published
from posterity.tables.cells import Cell, interval
from posterity.tables.frames import KEYS, Frames
from posterity.tables.pools import LEAST, attributes, large, pools

__all__ = ["CAPTION", "HEAVY", "NEEDS", "ROWS", "TITLE", "cells", "gaussians", "kurtoses"]

NEEDS = ("pool",)
ROWS = (*KEYS, "features")
_SETS = 800
TITLE = "Tails of the posterior"
CAPTION = (
    "Kurtosis of each pool's projection onto its first principal component (a normal distribution has 3): mean over "
    f"items, and the share of items above 5. Columns “gaussian” are {_SETS} standard normal pools of the same size and "
    f"dimension, treated alike. Only runs with pools of at least {LEAST}. "
    "Published: RePaint on CelebAMask-HQ, pools of 100."
)
HEAVY = 5.0
Found = dict[tuple[str, ...], tuple[list[float], int, int]]


def kurtoses(frames: Frames) -> Found:
    """Return {(run, features): (kurtosis of each pool without NaN, pool size, dimension)}."""
    from posterity.features.kurtosis import kurtosis

    found = [a for a in frames.of("samples") if large(a)]
    if not found:
        raise frames.missing("samples", none=f"with pools of at least {LEAST}")
    models = {d: attributes(frames, d) for d in {a.key["dataset"] for a in found}}
    out: dict[tuple[str, ...], list[tuple[float, int, int]]] = {}
    for artifact in found:
        for pool in pools(frames, artifact.key, models[artifact.key["dataset"]]):
            for kind, x in pool.features.items():
                value = kurtosis(x)
                if np.isfinite(value):
                    out.setdefault((*(artifact.key[k] for k in KEYS), kind), []).append((value, *x.shape))
    return {k: ([v for v, _, _ in f], f[0][1], int(np.median([d for _, _, d in f]))) for k, f in sorted(out.items())}


def gaussians(samples: int, dimension: int) -> list[float]:
    """Kurtosis of standard normal pools.

    The factor of a Wishart matrix replaces the pool: its Gram matrix has the same distribution, at the cost of a
    (samples, samples) instead of a (samples, dimension) matrix.
    """
    from posterity.features.kurtosis import gaussian_reference, kurtosis

    rng = np.random.default_rng(0)
    if dimension <= samples:
        return gaussian_reference(samples, dimension, _SETS, rng).tolist()
    freedom = dimension - np.arange(samples)
    out = []
    for _ in range(_SETS):
        factor = np.tril(rng.standard_normal((samples, samples)), -1) + np.diag(np.sqrt(rng.chisquare(freedom)))
        out.append(kurtosis(factor))
    return out


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run and kind of features, with Gaussian pools of the same shape for comparison."""
    out, known = [], dict[tuple[int, int, bool], list[Cell]]()
    for row, (values, samples, dimension) in kurtoses(frames).items():
        printed = row[3] == "repaint"
        heavy, normal = (
            published.value("Section 3", name, "share over 5") if printed else None
            for name in ("posterior", "gaussian")
        )
        shape = (samples, dimension, printed)
        if shape not in known:
            known[shape] = _pair(row, "gaussian ", gaussians(samples, dimension), normal)
        out += [*_pair(row, "", values, heavy), *(replace(c, row=row) for c in known[shape])]
    return out


def _pair(row: tuple[str, ...], prefix: str, values: list[float], heavy: float | None) -> list[Cell]:
    x = np.array(values)
    out = []
    for column, v, paper in (("kurtosis", x, None), ("share over 5", (x > HEAVY).astype(float), heavy)):
        low, high = interval(v)
        count = None if prefix else len(v)  # Gaussian pools are not items
        out.append(Cell(row, prefix + column, float(v.mean()), low, high, count, paper))
    return out
