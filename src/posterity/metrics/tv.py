"""Total variation between the samples' mode frequencies and the exact mode probabilities."""

from __future__ import annotations

from posterity.metrics.base import Pool, PoolMetric

__all__ = ["TotalVariation"]


class TotalVariation(PoolMetric):
    """½ Σ |ŵ − w| over modes, samples' frequencies against exact probabilities; unlisted mass counts too."""

    needs = frozenset({"posterior", "modes"})

    def value(self, pool: Pool) -> float | None:
        modes, exact = pool.recorded["mode"][: pool.count], pool.exact
        unlisted = max(0.0, 1 - sum(exact.values()))
        keys = set(modes) | set(exact)
        values = [abs(sum(m == k for m in modes) / len(modes) - exact.get(k, 0.0)) for k in keys]
        return 0.5 * (sum(values) + unlisted)
