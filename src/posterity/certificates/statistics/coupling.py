"""Whether draws depend on one another: on the batch that they sit in, or on the rest of their pool."""

from __future__ import annotations

import math

import torch

from posterity.certificates.evidence import Evidence, restore
from posterity.certificates.finding import Finding
from posterity.certificates.probing import Streams
from posterity.certificates.statistics._estimates import standard_error

__all__ = ["examine"]

MARGIN = 1e-5
POOL = 0.25


def examine(evidence: Evidence) -> list[Finding]:
    """Batch: the same rows alone, in 8 and among all. Pools: dispersion of their means."""
    return [_batch(evidence), _dispersion(evidence)]


def _batch(evidence: Evidence) -> Finding:
    """The first rows of the first pools again, with the same noise, in smaller batches."""
    if evidence.guidance is not None:
        return Finding("coupling", "batch", note="guided samples are meant to see one another")
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


def _dispersion(evidence: Evidence) -> Finding:
    """Q/(R n) = mean of S (x̄ - μ)² over the n exact directions, in their variance: 1 for independent exact draws."""
    if evidence.wide is None:
        return Finding("coupling", "pools", note="needs many measurements of one prior")
    pools = evidence.wide
    off = (pools.x.mean(1) - pools.instance.exact.mean) @ pools.directions
    squares = pools.draws * off.square() / pools.variances
    each = squares.mean(1)
    error = float(standard_error(each, math.sqrt(2 / squares.numel())))
    note = f"S Var(mean of S = {pools.draws}) over the exact variance; above 1 also where means are wrong"
    decides = evidence.guidance is None
    return Finding("coupling", "pools", float(each.mean()), error, 1.0, POOL, decides=decides, note=note)
