"""The support table: whether a draw is like an image of the prior, and whether it fits the measurement.

                    fits y                      does not
  like the prior    fine                        prior hallucination: a real image, the wrong one
  not               likelihood hallucination    broken

A draw is like the prior if its squared distance to some mode, in that mode's covariance, lies in the
central 99.9 % of χ²_d; it fits y if its residual is below the 99.9 % point of the exact law. In many
dimensions most samplers are too smooth and miss the *radius*: it is printed too, and a second table uses
bounds four times as wide.
"""

from __future__ import annotations

import math

import torch
from scipy import special
from torch import Tensor

from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import BY_DRAWS_ALONE, closed

__all__ = ["examine"]

MARGIN = 0.02
RADIUS = 0.05
TAIL = 5e-4
"""Probability in each tail."""
WIDER = 4.0
EXACT, FEWER = 20_000, 4_000
"""Number of exact draws, in few and in many dimensions."""
CELLS = ("fine", "prior hallucination", "likelihood hallucination", "broken")


def examine(evidence: Evidence) -> list[Finding]:
    """Return the four shares, the four shares at wider bounds, and the radius."""
    deep = closed(evidence, broad=False)
    if not deep:
        return [Finding("hallucination", note=BY_DRAWS_ALONE)]
    found = [_look(pools, exact) for pools, exact in deep]
    count = sum(pools.x.shape[1] for pools, _ in deep)
    out = []
    for table, suffix in ((0, ""), (1, ", wide bounds")):
        ours, exact = (torch.stack([f[who][table] for f in found]).mean(0) for who in (0, 1))
        for i, cell in enumerate(CELLS):
            share, target = float(ours[i]), float(exact[i])
            error = _clopper_pearson(round(share * count), count)
            p = _surprise(round(share * count), count, share, target)
            out.append(Finding("hallucination", cell + suffix, share, error, target, MARGIN, p=p, decides=table == 0))
    radius = torch.cat([f[0][2] for f in found])
    error = float(radius.std()) / math.sqrt(len(radius))
    note = "squared distance to the nearest mode, over d"
    target = float(torch.stack([f[1][2].mean() for f in found]).mean())
    return [*out, Finding("hallucination", "radius", float(radius.mean()), error, target, RADIUS, note=note)]


Look = tuple[Tensor, Tensor, Tensor]


def _look(pools: Pools, exact: Conditional) -> tuple[Look, Look]:
    """Return (shares (4,), shares at wider bounds (4,), radii (S,)) of the draws and of exact draws."""

    def reference() -> tuple[float, Look]:
        x = pools.exact("hallucination", EXACT if pools.instance.dim <= 256 else FEWER)
        limit = float(pools.instance.residuals(x).quantile(1 - 2 * TAIL))
        limit += (1e-3 * pools.instance.prior_std) ** 2 * pools.instance.measured.shape[1]  # all of it without noise
        return limit, _table(pools, exact, x, limit)

    limit, theirs = pools.remember("hallucination", reference)
    return _table(pools, exact, pools.x, limit), theirs


def _table(pools: Pools, exact: Conditional, x: Tensor, limit: float) -> Look:
    d = pools.instance.dim
    squares, residual = exact.prior.squares(x[0]), pools.instance.residuals(x)[0]
    low, high = special.chdtri(d, [1 - TAIL, TAIL])
    tables = []
    for wider in (1.0, WIDER):
        like = ((squares >= d - wider * (d - low)) & (squares <= d + wider * (high - d))).any(1)
        fits = residual <= (limit if wider == 1 else wider**2 * limit)
        cells = [like & fits, like & ~fits, ~like & fits, ~like & ~fits]
        tables.append(torch.stack([cell.double().mean() for cell in cells]))
    return tables[0], tables[1], squares.amin(1) / d


def _surprise(hits: int, count: int, share: float, target: float) -> float:
    """Return the exact binomial p-value of a share this far outside the margin."""
    if abs(share - target) <= MARGIN:
        return 1.0
    high = share > target
    edge = min(1.0, max(0.0, target + (MARGIN if high else -MARGIN)))
    # P(X ≥ k) = I_edge(k, n - k + 1), the regularised incomplete beta function
    return float(special.betainc(hits, count - hits + 1, edge) if high else special.bdtr(hits, count, edge))


def _clopper_pearson(hits: int, count: int) -> float:
    """Return the standard error of the normal 95 % interval that is as wide as the exact one."""
    low = special.betaincinv(hits, count - hits + 1, 0.025) if hits else 0.0
    high = special.betaincinv(hits + 1, count - hits, 0.975) if hits < count else 1.0
    return float(high - low) / 2 / 1.96
