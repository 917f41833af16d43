"""Sliced Wasserstein distance to exact draws (W₁, fixed random directions), with that of other exact draws as floor.

The floor is the score of equally many exact draws through the same code. With many measurements of few draws
each, the reference has eight times as many exact draws; for a posterior examined in depth it has equally many,
as in the published tables of the toy problems.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from posterity.certificates.evidence import Evidence, Pools
from posterity.certificates.finding import Finding
from posterity.certificates.statistics._estimates import mean, standard_error
from posterity.diffusion.noise import generator

__all__ = ["examine", "sliced"]

NAME = "sliced_wasserstein"
MARGIN = 0.25
"""Margin as a share of the floor."""
FLOORS = 4


def examine(evidence: Evidence) -> list[Finding]:
    """Return the mean over measurements; report their median and the prior's distance too."""
    found, floors, prior = (torch.cat(each) for each in zip(*map(_distances, evidence.broad), strict=True))
    value, floor = float(found.mean()), float(floors.mean())
    error = float(standard_error(found - floors, float(floors.std()) / len(floors) ** 0.5 if len(floors) > 1 else 0.0))
    middle, least = float(found.median()), float(floors.median())
    around = 1.4826 * float((found - middle).abs().median()) / len(found) ** 0.5
    away, of_prior = mean(prior)
    read: dict[str, Any] = {"target": 0.0, "decides": False}
    return [
        Finding(NAME, "", value, error, 0.0, (1 + MARGIN) * floor, floor, note=f"prior {away:.3g}"),
        Finding(NAME, "median", middle, around, floor=least, note="over measurements", **read),
        Finding(NAME, "prior", away, of_prior, floor=floor, note="distance of prior draws", **read),
    ]


def sliced(x: Tensor, other: Tensor, directions: Tensor) -> Tensor:
    """Return the mean W₁ of projections on ``directions`` (n, d): (R, S, d), (R, S', d) → (R,), S' a multiple of S."""
    return _sorted_distance(_projected(x, directions), _projected(other, directions))


def _projected(x: Tensor, directions: Tensor) -> Tensor:
    """Return sorted projections, (R, S, d) → (R, n, S); NumPy sorts several times faster than torch."""
    return torch.from_numpy(np.sort((directions @ x.mT).numpy(), axis=2))


def _sorted_distance(one: Tensor, two: Tensor) -> Tensor:
    # W₁ is the mean |difference| over quantiles; each quantile of ``one`` spans ``every`` quantiles of ``two``
    every = two.shape[2] // one.shape[2]
    return (one.repeat_interleave(every, dim=2) - two).abs().mean(dim=(1, 2))


def _distances(pools: Pools) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distances of the sampler, of exact draws (mean over repetitions) and of the prior, (R,) each."""
    many = len(pools.x) > 1
    rng = generator("directions", pools.instance.dim)
    directions = torch.from_numpy(rng.standard_normal((64 if many else 1000, pools.instance.dim)))
    directions = directions / directions.norm(dim=1, keepdim=True)

    def reference() -> tuple[Tensor, Tensor, Tensor]:
        target = _projected(pools.exact("sliced", (8 if many else 1) * pools.draws), directions)
        repeated = [_sorted_distance(_projected(pools.exact(f"sliced {i}"), directions), target) for i in range(FLOORS)]
        index = torch.arange(pools.draws) % len(pools.instance.prior_draws)
        prior = pools.instance.prior_draws[index].expand_as(pools.x)
        return target, torch.stack(repeated).mean(0), _sorted_distance(_projected(prior, directions), target)

    target, floor, prior = pools.remember("sliced", reference)
    return _sorted_distance(_projected(pools.x, directions), target), floor, prior
