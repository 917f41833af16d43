"""Cluster representatives: the pool member nearest to each K-means centre."""

from __future__ import annotations

import logging
import warnings
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from posterity.subsets._base import Array, Rule, check, settings

__all__ = ["KMeansRule"]

_log = logging.getLogger(__name__)


@settings
class KMeansRule(Rule):
    """K-means with k-means++ initialisation; deterministic, since its random state is a setting."""

    reads: ClassVar[Literal["features", "distances"]] = "features"
    restarts: int = Field(10, ge=1, le=1000)
    iterations: int = Field(300, ge=1, le=100_000)
    random_state: int = Field(0, ge=0, le=2**32 - 1)

    def choose(self, data: Array, count: int, rng: np.random.Generator) -> list[int]:
        """Return ``count`` indices, from features (N, d); if a member is already taken, the next nearest is used."""
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        check(len(data), count)
        model = KMeans(
            count, init="k-means++", n_init=self.restarts, max_iter=self.iterations, random_state=self.random_state
        )
        with warnings.catch_warnings():
            # a concentrated posterior often has fewer distinct samples than clusters
            warnings.simplefilter("ignore", ConvergenceWarning)
            centres = model.fit(data).cluster_centers_
        chosen: list[int] = []
        for centre in centres:
            order = np.argsort(((data - centre) ** 2).sum(1), kind="stable")
            if int(order[0]) in chosen:
                _log.info("sample %d is nearest to two centres; taking the next nearest", order[0])
            chosen.append(next(int(i) for i in order if int(i) not in chosen))
        return chosen
