"""How many of the exact posterior's modes a set shows."""

from __future__ import annotations

from collections.abc import Sequence

from posterity.metrics.base import Pool, SetMetric

__all__ = ["ModesShown"]

_LEAST = 0.01


class ModesShown(SetMetric):
    """Share of the exact posterior's modes of probability over 0.01 that the set shows."""

    needs = frozenset({"posterior", "modes"})

    def value(self, pool: Pool, members: Sequence[int]) -> float | None:
        modes = {pool.recorded["mode"][place] for place in members}
        wanted = {mode for mode, probability in pool.exact.items() if probability > _LEAST}
        return len(wanted & modes) / len(wanted) if wanted else None
