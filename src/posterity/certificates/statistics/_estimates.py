"""Means over pools with their standard errors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools

__all__ = ["BY_DRAWS_ALONE", "closed", "mean", "standard_error"]

BY_DRAWS_ALONE = "the exact posterior is known by its draws alone"


def standard_error(values: Tensor, least: float | Tensor = 0.0) -> Tensor:
    """Return the standard error of the mean over the first axis, (n, …) → (…), or ``least`` if larger or if n = 1."""
    floor = torch.as_tensor(least, dtype=values.dtype).expand(values.shape[1:])
    return floor.clone() if len(values) == 1 else torch.maximum(floor, values.std(0) / math.sqrt(len(values)))


def mean(values: Tensor, least: float = 0.0) -> tuple[float, float]:
    """Return the mean and standard error of values (n,)."""
    return float(values.mean()), float(standard_error(values, least))


def closed(evidence: Evidence, broad: bool = True) -> list[tuple[Pools, Conditional]]:
    """Return the broad (or deep) pools whose posterior is known in closed form."""
    pools = evidence.broad if broad else evidence.deep
    return [(p, p.instance.exact) for p in pools if isinstance(p.instance.exact, Conditional)]
