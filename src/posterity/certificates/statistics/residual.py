"""Agreement with the measurement: ‖y - A x‖² against its law under the exact posterior, not against m.

Below it a sampler over-fits the noise of y, above it does not read y well enough. Without noise the exact
residual is 0, and what is left of it is compared with the spread of the prior.
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
    """Mean of the squared residual over its exact mean; without noise its root mean square."""
    broad = evidence.broad
    if all(p.instance.sigma_y == 0 for p in broad):
        rms = [float((p.instance.residuals(p.x).mean() / p.instance.measured.shape[1]).sqrt()) for p in broad]
        scale = sum(p.instance.prior_std for p in broad) / len(broad)
        value = sum(rms) / len(rms) / scale
        return [Finding("residual", "violation", value, 0.0, 0.0, VIOLATION, note="RMS of y - A x, in sd of the prior")]
    found, null, least = [], [], 0.0
    for p in broad:
        units = p.instance.sigma_y**2 * p.instance.measured.shape[1]
        found.append(p.instance.residuals(p.x).mean(1) / units)
        null.append(p.remember("residual", lambda p=p: _null(p)) / units)  # type: ignore[misc]
        least += 2 / p.instance.measured.shape[1] / p.draws * len(p.x)
    ours, exact = torch.cat(found), torch.cat(null)
    ratio, scale = float(ours.mean() / exact.mean()), float(exact.mean())
    error = float(standard_error((ours - ratio * exact) / scale, math.sqrt(least) / len(ours)))
    note = f"mean of ‖y - A x‖²/σ², over its exact mean {scale:.3f} m"
    return [Finding("residual", "mean", ratio, error, 1.0, MARGIN, note=note)]


def _null(pools: Pools) -> Tensor:
    """Mean squared residual of exact draws, (R,)."""
    return pools.instance.residuals(pools.exact("residual", 8 * pools.draws)).mean(1)
