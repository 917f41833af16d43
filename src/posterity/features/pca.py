"""Exact principal components of a small pool of long vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["distances", "embed", "pca"]

Array = NDArray[np.floating[Any]]


def pca(features: Array, dimension: int = 25) -> Array:
    """Return principal components (N, min(dimension, N, d)) of features (N, d), centred, by SVD."""
    x = np.asarray(features, dtype=float)
    x = x - x.mean(0)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return (u * s)[:, : min(dimension, len(x), x.shape[1])]


def distances(features: Array) -> Array:
    """Return Euclidean distances (N, N) of features (N, d), by explicit differences, accurate for close samples."""
    from scipy.spatial.distance import pdist, squareform

    return squareform(pdist(np.asarray(features, dtype=float)))


def embed(squared: Array, dimension: int = 25) -> Array:
    """Return coordinates (N, ≤dimension) with the given squared distances (N, N), by classical scaling."""
    n = len(squared)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ squared @ centre)
    order = np.argsort(-values)[:dimension]
    return vectors[:, order] * np.sqrt(np.maximum(values[order], 0))
