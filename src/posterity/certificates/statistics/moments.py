"""Mean and covariance compared with the exact ones, without sampling error if the sampler is affine.

Under a Gaussian prior a sampler that only adds and multiplies is an affine map of its noise, and its
moments are computed by probing (:mod:`posterity.certificates.probing`). Otherwise they are those of the
draws for many measurements. The note says which.

W₂ is between Gaussians with these moments, over the root of the exact total variance; KL is over the
directions that the measurement leaves open.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.certificates.axes import root, spectrum
from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools, restore
from posterity.certificates.finding import Finding
from posterity.certificates.probing import Moments, NotAffine, affine_moments
from posterity.certificates.statistics._estimates import standard_error
from posterity.diffusion.noise import Noise

__all__ = ["examine", "kl", "wasserstein"]

MEAN = 0.1
"""Margin of the mean in standard deviations."""
VARIANCE = 0.15
W2 = 0.05
FLOORS = 8


def examine(evidence: Evidence) -> list[Finding]:
    """Return the worst mean and the worst variance over directions; for a Gaussian posterior W₂, and KL if probed."""
    pools = evidence.wide or evidence.deep[0]
    exact = pools.instance.exact
    gaussian = isinstance(exact, Conditional) and exact.means.shape[1] == 1
    why = "its samples see one another" if evidence.sampler.couples else "the posterior is not Gaussian"
    if gaussian and not evidence.sampler.couples:
        try:
            return _probed(evidence, pools)
        except NotAffine as reason:
            why = str(reason)
    if evidence.wide is None:
        return [Finding("moments", note="needs many measurements of one prior")]
    return [*_sampled(pools, f"by sampling: {why}"), *(_distance(pools) if gaussian else [])]


def _probed(evidence: Evidence, pools: Pools) -> list[Finding]:
    """Return the findings for the first measurement, probed exactly."""

    def outcome(noise: Noise) -> Tensor:
        rows = torch.zeros(len(noise), dtype=torch.long)
        return restore(evidence.sampler, pools.instance, rows, noise, items=torch.arange(len(noise)))[0]

    found = affine_moments(outcome)
    exact = Moments(pools.instance.exact.mean[0], pools.covariances[0])
    values, vectors = _open(exact.covariance)
    off = (found.mean - exact.mean) @ vectors / values.sqrt()
    ratio = ((found.covariance @ vectors) * vectors).sum(0) / values
    at, wide = int(off.abs().argmax()), int((ratio - 1).abs().argmax())
    route, n = f"by noise probing, {found.rows} rows", len(values)
    return [
        Finding("moments", "mean", float(off[at]), 0.0, 0.0, MEAN, trials=n,
                note=f"{route}; {_name(at, off)}, in its sd"),
        Finding("moments", "variance", float(ratio[wide]), 0.0, 1.0, VARIANCE, trials=n,
                note=f"{route}; {_name(wide, off)}"),
        Finding("moments", "w2", wasserstein(found, exact), 0.0, 0.0, W2, note=route),
        Finding("moments", "kl", kl(found, exact), 0.0, 0.0, decides=False, note=route),
    ]  # fmt: skip


def _sampled(pools: Pools, route: str) -> list[Finding]:
    """Return the findings along the eigendirections of the mean exact covariance, random ones in many dimensions."""
    directions, wanted = pools.directions, pools.variances  # (d, n), (R, n)
    count = pools.diverged.numel()
    off = (pools.x.mean(1) - pools.instance.exact.mean) @ directions / wanted.mean(0).sqrt()
    mean, error = off.mean(0), standard_error(off, math.sqrt(1 / count))
    at = int((mean / error).abs().argmax())
    found = (pools.x @ directions).var(1)
    ratio = found.mean(0) / wanted.mean(0)
    spread = standard_error((found - ratio * wanted) / wanted.mean(0), math.sqrt(2 / count))
    wide = int(((ratio - 1) / spread).abs().argmax())
    n = len(mean)
    return [
        Finding("moments", "mean", float(mean[at]), float(error[at]), 0.0, MEAN, trials=n,
                note=f"{route}; {_name(at, mean)}, in its sd"),
        Finding("moments", "variance", float(ratio[wide]), float(spread[wide]), 1.0, VARIANCE, trials=n,
                note=f"{route}; {_name(wide, mean)}"),
    ]  # fmt: skip


def _distance(pools: Pools) -> list[Finding]:
    """Return W₂ of the pooled moments, compared with that of exact draws."""

    def repeated() -> Tensor:
        return torch.tensor([_pooled(pools, pools.exact(f"moments {i}")) for i in range(FLOORS)])

    value, floors = _pooled(pools, pools.x), pools.remember("moments", repeated)
    error, floor = float(floors.std()), float(floors.mean())
    return [Finding("moments", "w2", value, error, 0.0, floor + 3 * error + W2, floor, note="by sampling")]


def _pooled(pools: Pools, x: Tensor) -> float:
    """Return the RMS of W₂ over measurements of x (R, S, d): pooled covariance, noise of the mean subtracted."""
    off, within = x.mean(1) - pools.instance.exact.mean, x - x.mean(1, keepdim=True)
    covariance = torch.einsum("rsd,rse->de", within, within) / (len(x) * (x.shape[1] - 1))
    squared = max(0.0, float(off.square().sum(1).mean() - covariance.trace() / x.shape[1]))
    exact = Moments(torch.zeros_like(off[0]), pools.covariances[0])
    between = wasserstein(Moments(torch.zeros_like(off[0]), covariance), exact)
    return math.sqrt(between**2 + squared / float(exact.covariance.trace()))


def _open(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the variances (n,) and directions (d, n) that are open, the narrowest first."""
    values, vectors = spectrum(covariance)
    seen = values > 1e-9 * values.max()
    return values[seen], vectors[:, seen]


def _name(index: int, directions: Tensor) -> str:
    return f"direction {index + 1} of {len(directions)}, the narrowest first"


def wasserstein(found: Moments, exact: Moments) -> float:
    """Return W₂ between Gaussians, over the root of the exact total variance."""
    half = root(*spectrum(exact.covariance))
    cross = torch.linalg.eigvalsh(half @ found.covariance @ half).clamp(min=0).sqrt().sum()
    squared = (found.mean - exact.mean).square().sum() + (found.covariance + exact.covariance).trace() - 2 * cross
    return math.sqrt(max(0.0, float(squared / exact.covariance.trace())))


def kl(found: Moments, exact: Moments) -> float:
    """Return KL(found ‖ exact) over the open directions of the exact covariance, in nats."""
    values, vectors = _open(exact.covariance)
    turned = vectors.T @ found.covariance @ vectors / (values.sqrt()[:, None] * values.sqrt())
    off = (found.mean - exact.mean) @ vectors / values.sqrt()
    sizes = torch.linalg.eigvalsh(turned).clamp(min=1e-300).log().sum()
    return float(turned.trace() + off.square().sum() - len(values) - sizes) / 2
