"""Fréchet distance of Inception features (Heusel et al. 2017) between the samples and the truths of all items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.metrics.base import Run, RunMetric

__all__ = ["FID", "frechet"]

Array = NDArray[np.floating[Any]]
_LEAST = 50
"""Least number of items; published tables use 1000, and with fewer, FID's bias exceeds the differences of interest."""


class FID(RunMetric):
    """FID between the first samples of all items and their truths."""

    needs = frozenset({"image", "truth"})
    asset = "inception"

    def missing(self, run: Run) -> str | None:
        if run.items < _LEAST:
            return f"N/A: FID compares distributions and needs {_LEAST} items or more"
        if not run.known:
            return "N/A: the truth of this measurement is unknown"
        there = run.file("inception") is not None
        return None if there else "N/A: no Inception weights; `posterity fetch inception` brings them"

    def value(self, run: Run) -> float | None:
        from posterity.features.inception import inception

        weights = run.file("inception")
        assert weights is not None
        return frechet(inception(run.samples(), weights), inception(run.truths(), weights))


def frechet(a: Array, b: Array) -> float:
    """Return the Fréchet distance between Gaussians with the moments of (N, d) and (M, d) features.

    |m_a − m_b|² + tr C_a + tr C_b − 2 tr (C_a C_b)^½ with unbiased covariances. The last trace is the nuclear norm of
    X_a X_bᵀ over √((N − 1)(M − 1)), X centred, so no d × d matrix is formed, and N < d is unproblematic.
    """
    ma, mb = a.mean(0), b.mean(0)
    xa, xb = (a - ma) / np.sqrt(len(a) - 1), (b - mb) / np.sqrt(len(b) - 1)
    shared = np.linalg.norm(xa @ xb.T, ord="nuc")
    return float(((ma - mb) ** 2).sum() + (xa**2).sum() + (xb**2).sum() - 2 * shared)
