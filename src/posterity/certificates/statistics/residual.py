"""Agreement with the measurement: ‖y - A x‖² compared with its law under the exact posterior, not with m.

A sampler with a smaller residual over-fits the noise of y, one with a larger residual under-fits y. Without noise
the exact residual is 0, and the remaining residual is compared with the spread of the prior.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import standard_error

__all__ = ["examine"]

MARGIN = 0.05
VIOLATION = 0.01


def examine(evidence: Evidence) -> list[Finding]:
    """Return the mean squared residual over its exact mean (its RMS if there is no noise), and that of prior draws."""
    broad = evidence.broad
    if all(p.instance.sigma_y == 0 for p in broad):
        scale = sum(p.instance.prior_std for p in broad) / len(broad)
        value, prior = (sum(each) / len(broad) / scale for each in zip(*map(_rms, broad), strict=True))
        return [
            Finding("residual", "violation", value, 0.0, 0.0, VIOLATION, note="RMS of y - A x, in sd of the prior"),
            _of_prior(prior),
        ]
    found, null, blind, least = [], [], [], 0.0
    for p in broad:
        units = p.instance.sigma_y**2 * p.instance.measured.shape[1]
        found.append(p.instance.residuals(p.x).mean(1) / units)
        null.append(p.remember("residual", lambda p=p: _null(p)) / units)  # type: ignore[misc]
        blind.append(p.remember("residual, prior", lambda p=p: _blind(p)) / units)  # type: ignore[misc]
        least += 2 / p.instance.measured.shape[1] / p.draws * len(p.x)
    ours, exact = torch.cat(found), torch.cat(null)
    ratio, scale = float(ours.mean() / exact.mean()), float(exact.mean())
    error = float(standard_error((ours - ratio * exact) / scale, math.sqrt(least) / len(ours)))
    note = f"mean of ‖y - A x‖²/σ², over its exact mean {scale:.3f} m"
    prior = float(torch.cat(blind).mean() / exact.mean())
    return [Finding("residual", "mean", ratio, error, 1.0, MARGIN, note=note), _of_prior(prior)]


def _of_prior(value: float) -> Finding:
    return Finding("residual", "prior", value, 0.0, decides=False, note="the same of draws of the prior")


def _rms(pools: Pools) -> tuple[float, float]:
    """Return the root mean square residual of the draws, and of prior draws."""
    sizes = pools.instance.residuals(pools.x).mean(), pools.remember("residual, prior", lambda: _blind(pools)).mean()
    ours, prior = (float((size / pools.instance.measured.shape[1]).sqrt()) for size in sizes)
    return ours, prior


def _blind(pools: Pools) -> Tensor:
    """Return the mean squared residual of prior draws, (R,)."""
    draws = pools.instance.prior_draws[: 8 * pools.draws]
    return pools.instance.residuals(draws.expand(len(pools.x), -1, -1)).mean(1)


def _null(pools: Pools) -> Tensor:
    """Return the mean squared residual of exact draws, (R,)."""
    return pools.instance.residuals(pools.exact("residual", 8 * pools.draws)).mean(1)
