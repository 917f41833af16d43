"""Variance of the draws over that of the exact posterior, per eigendirection of its covariance.

With several modes each draw is first standardised by the mode it belongs to, drawn by its
responsibilities, so that the ratio measures the spread within modes, independently of the weights.
Variances are within pools: an error of a pool's mean does not count as spread.
"""

from __future__ import annotations

import math

import torch

from posterity.certificates.evidence import Evidence
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import BY_DRAWS_ALONE, closed, standard_error

__all__ = ["examine"]

MARGIN = 0.05
WORST = 0.15
"""Margin of the worst direction, which is wider because selecting the worst inflates the distance."""


def examine(evidence: Evidence) -> list[Finding]:
    """Return the overall ratio, and that of the worst direction."""
    parts = [exact.standardised(pools.x, *pools.key).var(1) for pools, exact in closed(evidence)]
    if not parts:
        return [Finding("spread", note=BY_DRAWS_ALONE)]
    open_to_all = min(ratios.shape[1] for ratios in parts)
    ratios = torch.cat([r[:, -open_to_all:] for r in parts])  # (pools, directions), the widest last
    count = sum(p.x.shape[0] * (p.draws - 1) for p, _ in closed(evidence))
    each, error = ratios.mean(0), standard_error(ratios, math.sqrt(2 / count))
    worst = int(((each - 1) / error).abs().argmax())
    overall = ratios.mean(1)
    whole = float(standard_error(overall, math.sqrt(2 / count / open_to_all)))
    where = f"direction {worst + 1} of {open_to_all}, the narrowest first"
    return [
        Finding("spread", "overall", float(overall.mean()), whole, 1.0, MARGIN, note=f"{open_to_all} directions"),
        Finding("spread", "worst", float(each[worst]), float(error[worst]), 1.0, WORST, trials=open_to_all, note=where),
    ]
