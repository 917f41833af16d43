"""Numbers about sets and pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.imports import lean

__all__ = ["coverage", "diversity", "frechet", "modes_shown", "sliced_wasserstein", "total_variation"]

Array = NDArray[np.floating[Any]]


def diversity(distances: Array) -> float | None:
    """Mean over the unordered pairs of a set's (N, N) distances; None for one image."""
    n = len(distances)
    return float(distances[np.triu_indices(n, 1)].mean()) if n > 1 else None


def coverage(distances: Array, shown: Sequence[int], percentile: float = 10.0) -> float | None:
    """Share of the pool's other members whose nearest shown image is within the percentile of all pairs.

    A machine's stand-in for the question whether people see a similar image; None where all are shown.
    """
    n = len(distances)
    held = sorted(set(range(n)) - set(shown))
    if not held:
        return None
    near = np.percentile(distances[np.triu_indices(n, 1)], percentile)
    return float((distances[np.ix_(held, list(shown))].min(1) <= near).mean())


def total_variation(modes: Sequence[int], exact: Mapping[int, float]) -> float:
    """½ Σ |ŵ − w| between the samples' mode frequencies and the exact probabilities (unlisted mass counts)."""
    keys = set(modes) | set(exact)
    missing = max(0.0, 1 - sum(exact.values()))
    values = [abs(sum(m == k for m in modes) / len(modes) - exact.get(k, 0.0)) for k in keys]
    return 0.5 * (sum(values) + missing)


def modes_shown(modes: Sequence[int], exact: Mapping[int, float], least: float = 0.01) -> float | None:
    """Share of the exact modes with probability over ``least`` that are among ``modes``; None without any."""
    wanted = {k for k, p in exact.items() if p > least}
    return len(wanted & set(modes)) / len(wanted) if wanted else None


def sliced_wasserstein(a: Array, b: Array, seed: int = 0, directions: int = 1000) -> float:
    """Sliced 2-Wasserstein distance of two clouds (N, d) and (M, d).

    Long vectors are first expressed exactly in the at most N + M dimensions that they span, and
    the result is scaled back, so that random directions are cheap and the value is that of d dimensions
    in expectation.
    """
    with lean():
        import ot

    both = np.concatenate([a, b]).astype(float)
    d = both.shape[1]
    if d > len(both):
        both = np.linalg.qr(both.T).R.T
    scale = np.sqrt(both.shape[1] / d)
    x, y = both[: len(a)], both[len(a) :]
    return float(scale * ot.sliced_wasserstein_distance(x, y, n_projections=directions, seed=seed))


def frechet(a: Array, b: Array) -> float:
    """Fréchet distance of the Gaussians with the moments of (N, d) and (M, d) features, unbiased covariances.

    |m_a − m_b|² + tr C_a + tr C_b − 2 tr (C_a C_b)^½, whose last trace is the nuclear norm of X_a X_bᵀ over the
    root of (N − 1)(M − 1), X centred: no d × d matrix is made, and few images in many dimensions are no trouble.
    """
    ma, mb = a.mean(0), b.mean(0)
    xa, xb = (a - ma) / np.sqrt(len(a) - 1), (b - mb) / np.sqrt(len(b) - 1)
    shared = np.linalg.norm(xa @ xb.T, ord="nuc")
    return float(((ma - mb) ** 2).sum() + (xa**2).sum() + (xb**2).sum() - 2 * shared)
