"""Measures how heavy-tailed a pool is along its first principal component (normal: 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian_reference", "kurtosis"]

Array = NDArray[np.floating[Any]]


def kurtosis(features: Array) -> float:
    """(N, d) → E[(X−μ)⁴]/σ⁴ with plain moments; NaN where all samples coincide.

    Projections are √λ₁·u₁ of the centred N×N Gram matrix, and kurtosis has no scale.
    """
    x = np.asarray(features, dtype=float)
    x = x - x.mean(0)
    values, vectors = np.linalg.eigh(x @ x.T)
    if values[-1] <= 1e-20:
        return float("nan")
    u = vectors[:, -1] - vectors[:, -1].mean()
    return float((u**4).mean() / (u**2).mean() ** 2)


def gaussian_reference(samples: int, dimension: int, sets: int, rng: np.random.Generator) -> Array:
    """Kurtosis of ``sets`` standard normal pools of (samples, dimension), treated alike (identity covariance)."""
    return np.array([kurtosis(rng.standard_normal((samples, dimension))) for _ in range(sets)])
