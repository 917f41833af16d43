"""Rows of the artifact "metrics": a value, or null with the reason; a failing metric does not affect the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["Rows", "attempted"]

T = TypeVar("T")
_NUMERICAL = (ArithmeticError, ValueError, RuntimeError)
"""Errors that mean a metric is undefined for an image; numpy's LinAlgError is a ValueError, torch's a RuntimeError."""


def attempted(
    metric: str, compute: Callable[..., T], *about: Any, reason: str | None = None
) -> tuple[T | None, str | None]:
    """Return (``compute(*about)``, None), or (None, why not): ``reason`` if given, else the error that was raised.

    Running out of memory is not such a reason: that error is re-raised.
    """
    if reason is not None:
        return None, reason
    try:
        return compute(*about), None
    except _NUMERICAL as error:
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            raise
        return None, f"N/A: {metric} cannot be computed here ({' '.join(str(error).split())[:160]})"


class Rows:
    """Metric rows of one item, whose key columns are ``key``."""

    def __init__(self, key: dict[str, Any]) -> None:
        self.key, self.rows = key, list[dict[str, Any]]()

    def add(
        self,
        metric: str,
        value: float | None,
        *,
        subset: str | None = None,
        sample: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Add one row; a non-finite value becomes null."""
        if value is not None and not math.isfinite(value):
            value, reason = None, f"N/A: {metric} is {value:g} here"
        if value is None and reason is None:
            reason = "not defined for this set"
        about = {"subset": subset, "sample": sample, "metric": metric, "value": value, "reason": reason}
        self.rows.append(self.key | about)

    def whole(
        self,
        metric: str,
        compute: Callable[..., float | None],
        *about: Any,
        subset: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Add one row about a set with the value ``compute(*about)``, or null if there is a ``reason``."""
        value, reason = attempted(metric, compute, *about, reason=reason)
        self.add(metric, value, subset=subset, reason=reason)

    def each(
        self,
        metric: str,
        samples: Sequence[int],
        compute: Callable[[list[int]], Sequence[float | None]],
        reason: str | None = None,
        none: str | None = None,
    ) -> None:
        """Add one row per sample; if ``compute`` fails on all of them together, compute them one at a time.

        Arguments:
            metric: its name.
            samples: the samples' numbers.
            compute: maps positions in ``samples`` to values.
            reason: why no sample has a value.
            none: the reason recorded where a single value is None.
        """
        places = list(range(len(samples)))
        values, together = attempted(metric, compute, places, reason=reason)
        for place, number in enumerate(samples):
            if values is not None:
                self.add(metric, values[place], sample=number, reason=none if values[place] is None else None)
            elif reason is not None or len(samples) == 1:
                self.add(metric, None, sample=number, reason=together)
            else:
                alone, why = attempted(metric, compute, [place])
                self.add(metric, alone[0] if alone else None, sample=number, reason=why)
