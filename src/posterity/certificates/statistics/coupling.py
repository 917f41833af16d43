"""Tests that draws are independent of the rest of their batch and of the rest of their pool."""

from __future__ import annotations

import math

import torch

from posterity.certificates.evidence import Evidence, draw, restore
from posterity.certificates.finding import Finding
from posterity.certificates.probing import Streams
from posterity.certificates.statistics._estimates import standard_error

__all__ = ["examine"]

MARGIN = 1e-5
POOL = 0.25
AGAIN = 8
"""Number of draws of the second pool."""


def examine(evidence: Evidence) -> list[Finding]:
    """Compare the same rows alone, in 8 and in all; two pools of one measurement; pool means and exact ones (q)."""
    return [_batch(evidence), *_pools(evidence)]


def _batch(evidence: Evidence) -> Finding:
    """Draw the first rows of the first pools again, with the same noise, in smaller batches."""
    if evidence.sampler.couples:
        return Finding("coupling", "batch", note="these samples are meant to see one another")
    pools = evidence.pools[0]
    all_rows = torch.arange(len(pools.instance)).repeat_interleave(pools.draws)
    together, gap = pools.x.flatten(0, 1), 0.0
    for count in (1, 8):
        # a stream's first rows do not depend on how many follow
        noise = Streams(evidence.seed, [str(r) for r in all_rows[:count].tolist()], range(count))
        x, _ = restore(evidence.sampler, pools.instance, all_rows[:count], noise)
        finite = ~pools.diverged.flatten()[:count]
        gap = max(gap, *(x - together[:count])[finite].abs().amax(1).tolist(), 0.0)
    note = f"largest |Δ| of a row alone, in 8 and in {len(together)}"
    return Finding("coupling", "batch", gap, 0.0, 0.0, MARGIN, note=note)


def _pools(evidence: Evidence) -> list[Finding]:
    """Test that means of pools vary as those of independent draws do.

    The difference of the means of two pools for one measurement does not depend on the sampler's bias, only
    on the correlation of its draws: antithetic draws make it too small, shared noise too large. Q compares
    the means with the exact ones, and grows with a bias too.
    """
    pools = evidence.wide
    if pools is None:
        return [Finding("coupling", "pools", note="needs many measurements of one prior")]
    again, _ = draw(evidence.sampler, pools.instance, AGAIN, evidence.seed + (1 << 40), pools.key)
    x, y = (p.x @ pools.directions for p in (pools, again))
    within = x.var(1).mean(0) * (1 / pools.draws + 1 / AGAIN)
    moving = within > 1e-12 * pools.variances.mean(0)
    if not bool(moving.any()):
        return [Finding("coupling", "pools", note="all draws of a measurement are the same")]
    apart = ((x.mean(1) - y.mean(1)).square() / within)[:, moving]
    off = (pools.x.mean(1) - pools.instance.exact.mean) @ pools.directions
    q = pools.draws * off.square() / pools.variances
    decides = not evidence.sampler.couples
    note = f"squared difference of two pool means over what independent draws give, S = {pools.draws} and {AGAIN}"
    return [
        Finding("coupling", "pools", *_ratio(apart), 1.0, POOL, decides=decides, note=note),
        Finding("coupling", "q", *_ratio(q), 1.0, decides=False, note="S (mean - exact mean)² over the exact variance"),
    ]


def _ratio(squares: torch.Tensor) -> tuple[float, float]:
    """Return the mean of (R, n), whose entries are χ²₁ for normal draws and have mean 1, and its standard error."""
    each = squares.mean(1)
    return float(each.mean()), float(standard_error(each, math.sqrt(2 / squares.numel())))
