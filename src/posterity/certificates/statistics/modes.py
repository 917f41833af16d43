"""Weights of the modes: total variation to the exact ones, and the signed error of the heaviest and the rarest.

A draw counts for every mode with its responsibility, whether or not it is typical of any of them (which
``hallucination`` tests): a sampler that is too smooth still chooses among modes.
Modes whose posteriors overlap are merged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import BY_DRAWS_ALONE, closed, mean, standard_error

__all__ = ["examine", "merged"]

SLACK = 0.02
SIGNED = 0.03
FLOORS = 20
OVERLAP = 0.9
"""Bhattacharyya coefficient above which two modes are merged."""
RARE = 0.01


def examine(evidence: Evidence) -> list[Finding]:
    """Return the total variation on the deep pools, and the signed errors over measurements."""
    deep, broad = closed(evidence, broad=False), closed(evidence)
    if not broad:
        return [Finding("modes", note=BY_DRAWS_ALONE)]
    if all(int(merged(exact).max()) == 0 for _, exact in broad):
        return [Finding("modes", note="the posterior has one mode")]
    return [*([_variation(deep)] if deep else []), *_signed(broad)]


def merged(exact: Conditional) -> Tensor:
    """Return the index of the mode of each component, long (K,), the same for all measurements."""
    names = torch.arange(exact.means.shape[1])
    # differences of component means, and covariances, do not depend on y
    for i, j in (_overlaps(exact) > OVERLAP).nonzero().tolist():
        names[names == names[max(i, j)]] = int(names[min(i, j)])
    return names.unique(return_inverse=True)[1]


def _overlaps(exact: Conditional) -> Tensor:
    """Return the Bhattacharyya coefficients of all pairs, (K, K)."""
    if exact.shared:
        return torch.exp(-exact.squares(exact.means[:1])[0] / 8).fill_diagonal_(0)
    out = torch.zeros(exact.means.shape[1], exact.means.shape[1], dtype=torch.float64)
    covariances = (exact.vectors * exact.values[:, None]) @ exact.vectors.mT
    for i in range(len(out)):
        for j in range(i):
            values, vectors = torch.linalg.eigh((covariances[i] + covariances[j]) / 2)
            seen = values > 1e-10 * values.max()
            turned = ((exact.means[0, i] - exact.means[0, j]) @ vectors)[seen]
            sizes = [e.where(e > 0, 1.0).log().sum() for e in (exact.values[i], exact.values[j])]
            exponent = (turned.square() / values[seen]).sum() / 8
            out[i, j] = torch.exp(-exponent - (values[seen].log().sum() - (sizes[0] + sizes[1]) / 2) / 2)
    return out


def _weights(exact: Conditional, each: Tensor) -> Tensor:
    """Sum weights or responsibilities of components (…, K) to those of modes (…, modes)."""
    names = merged(exact)
    out = each.new_zeros(*each.shape[:-1], int(names.max()) + 1)
    return out.index_add_(-1, names, each)


def _variation(deep: list[tuple[Pools, Conditional]]) -> Finding:
    """Return the total variation, averaged over instances, compared with that of exact draws."""
    found, floors = [], []
    for pools, exact in deep:
        true = _weights(exact, exact.weights)
        repeated = lambda p=pools, e=exact, t=true: torch.stack(  # noqa: E731
            [_distance(e, p.exact(f"modes {i}"), t) for i in range(FLOORS)]
        )
        found.append(_distance(exact, pools.x, true))
        floors.append(pools.remember("modes", repeated))
    ours, null = torch.stack(found), torch.stack(floors)  # (instances,), (instances, FLOORS)
    error = float(standard_error(ours - null.mean(1), float(null.std(1).mean()) / math.sqrt(len(ours))))
    limit = float(null.quantile(0.95, dim=1).mean()) + SLACK
    return Finding("modes", "tv", float(ours.mean()), error, 0.0, limit, float(null.mean()), note="total variation")


def _distance(exact: Conditional, x: Tensor, true: Tensor) -> Tensor:
    return (_weights(exact, exact.responsibilities(x)).mean(1) - true).abs().sum() / 2


def _signed(broad: list[tuple[Pools, Conditional]]) -> list[Finding]:
    heaviest, rarest = [], []
    for pools, exact in broad:
        true = _weights(exact, exact.weights)
        error = _weights(exact, exact.responsibilities(pools.x)).mean(1) - true
        heaviest.append(error.gather(1, true.argmax(1, keepdim=True))[:, 0])
        rare = true.where(true > RARE, 2.0).argmin(1, keepdim=True)
        several = (true > RARE).sum(1) > 1
        rarest.append(error.gather(1, rare)[several, 0])
    out = []
    for part, values in (("heaviest", torch.cat(heaviest)), ("rarest", torch.cat(rarest))):
        if len(values) < 2:
            out.append(Finding("modes", part, note="no measurement leaves two modes open"))
            continue
        note = f"signed error of its weight, mean over {len(values)} measurements"
        out.append(Finding("modes", part, *mean(values), 0.0, SIGNED, note=note))
    return out
