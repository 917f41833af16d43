"""The kurtosis of a pool along its first principal component (normal: 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["gaussian_reference", "kurtosis"]

Array = NDArray[np.floating[Any]]


def kurtosis(features: Array) -> float:
    """Return E[(X−μ)⁴]/σ⁴ of features (N, d) on their first component, by plain moments; NaN if all samples coincide.

    Projections are √λ₁·u₁ of the centred N×N Gram matrix; kurtosis is scale-free.
    """
    x = np.asarray(features, dtype=float)
    x = x - x.mean(0)
    values, vectors = np.linalg.eigh(x @ x.T)
    if values[-1] <= 1e-20:
        return float("nan")
    u = vectors[:, -1] - vectors[:, -1].mean()
    return float((u**4).mean() / (u**2).mean() ** 2)


def gaussian_reference(samples: int, dimension: int, sets: int, rng: np.random.Generator) -> Array:
    """Return the kurtosis, (sets,), of ``sets`` standard normal pools (samples, dimension), computed the same way."""
    return np.array([kurtosis(rng.standard_normal((samples, dimension))) for _ in range(sets)])
