"""The error of the mean of the draws as an estimate, and their spread, in dB: gap and spread gap.

gap = 10 log₁₀(E‖x̄ - x*‖² / E‖x̂ - x*‖²) for every measurement, where x̄ is the mean of the S draws and x̂ the
exact mean; averaging over x* exactly, the quotient is 1 + ‖x̄ - x̂‖²/tr Cov. Exact draws score
10 log₁₀(1 + 1/S), and a sampler that always returns x̂ scores better: never read it without the
spread gap, 10 log₁₀ of the variance within pools over the exact variance.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import mean, standard_error

__all__ = ["examine"]

GAP = 0.1
SPREAD = 0.5
FLOORS = 4


def examine(evidence: Evidence) -> list[Finding]:
    """Return the gap, compared with that of exact draws, and the spread gap."""
    broad = evidence.broad
    if not all(bool(p.instance.exact.total_variance.isfinite().all()) for p in broad):
        return [Finding("mmse", note="the exact posterior has no variance")]
    found = torch.cat([_gaps(p, p.x) for p in broad])
    floors = torch.cat([p.remember("mmse", lambda p=p: _floor(p)) for p in broad])  # type: ignore[misc]
    gap, error = (
        float(found.mean()),
        float(standard_error(found - floors, float(floors.std(0)) / math.sqrt(len(found)))),
    )
    floor = float(floors.mean())
    widths = torch.cat([p.x.var(1).sum(1) for p in broad]), torch.cat([p.instance.exact.total_variance for p in broad])
    ratio, _ = mean(widths[0] / widths[1].mean())
    relative = float(standard_error((widths[0] - ratio * widths[1]) / widths[1].mean(), _least(broad)))
    return [
        Finding("mmse", "gap", gap, error, floor, GAP, floor, note="dB, mean over measurements"),
        Finding("mmse", "spread gap", _decibel(ratio), 10 / math.log(10) * relative / max(ratio, 1e-12), 0.0, SPREAD,
                note="dB, of the variance within pools"),
    ]  # fmt: skip


def _floor(pools: Pools) -> Tensor:
    return torch.stack([_gaps(pools, pools.exact(f"mmse {i}")) for i in range(FLOORS)]).mean(0)


def _gaps(pools: Pools, x: Tensor) -> Tensor:
    """Return the gap of each measurement in dB, (R, S, d) → (R,)."""
    exact = pools.instance.exact
    excess = (x.mean(1) - exact.mean).square().sum(1)
    return 10 * torch.log10(1 + excess / exact.total_variance)


def _least(broad: tuple[Pools, ...]) -> float:
    """Return the standard error of the ratio for normal draws with all their variance in one direction."""
    return math.sqrt(2 / sum(len(p.x) * (p.draws - 1) * p.instance.dim for p in broad))


def _decibel(ratio: float) -> float:
    return 10 * math.log10(max(ratio, 1e-12))
