"""Variance of the draws over that of the exact posterior, per eigendirection of its covariance.

With several modes a draw is first set against the mode that it belongs to, drawn by its
responsibilities, so that the ratio is of the spread within modes and weights do not enter.
Variances are within pools: an error of a pool's mean does not count as spread.
"""

from __future__ import annotations

import math

import torch

from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding

__all__ = ["examine"]

MARGIN = 0.05
WORST = 0.10


def examine(evidence: Evidence) -> list[Finding]:
    """Overall, and the direction that is farthest off."""
    parts = [_ratios(pools) for pools in evidence.broad if isinstance(pools.instance.exact, Conditional)]
    if not parts:
        return [Finding("spread", note="the exact posterior is known by its draws alone")]
    ratios = torch.cat(parts)  # (pools, directions)
    count = sum(p.x.shape[0] * (p.draws - 1) for p in evidence.broad)
    each, directions = ratios.mean(0), ratios.shape[1]
    error = _error(ratios, math.sqrt(2 / count))
    worst = int(((each - 1) / error).abs().argmax())
    overall = ratios.mean(1)
    return [
        Finding("spread", "overall", float(overall.mean()), float(_error(overall, math.sqrt(2 / count / directions))),
                1.0, MARGIN, note=f"mean of {directions} directions"),
        Finding("spread", "worst direction", float(each[worst]), float(error[worst]), 1.0, WORST,
                trials=directions, note=f"direction {worst} of {directions}, the narrowest first"),
    ]  # fmt: skip


def _error(ratios: torch.Tensor, normal: float) -> torch.Tensor:
    """Standard error over pools; that of a normal law where it is larger, or there is one pool."""
    least = torch.full(ratios.shape[1:], normal, dtype=ratios.dtype)
    return least if len(ratios) == 1 else torch.maximum(least, ratios.std(0) / math.sqrt(len(ratios)))


def _ratios(pools: Pools) -> torch.Tensor:
    exact = pools.instance.exact
    assert isinstance(exact, Conditional)
    return exact.standardised(pools.x, *pools.key).var(1)
