"""How much draws change with y.

Between measurements: squared differences of pool means for different y, over those of the exact means. The expected
difference of two pools of one measurement is subtracted, so that a sampler that ignores y scores 0, whatever it draws.
Some published methods come close to that, so two measurements are also restored with the same noise: a sampler that
ignores y returns the same draws, as close as when one measurement is restored twice, which is the floor. A problem
with a single measurement gets a second one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from posterity.certificates.cases import Instance
from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, Pools, draw, restore
from posterity.certificates.finding import Finding
from posterity.certificates.probing import Streams
from posterity.certificates.statistics._estimates import standard_error
from posterity.diffusion.noise import generator

__all__ = ["examine"]

MARGIN = 0.1
OTHER = 64
"""Number of draws for the other measurement, and of rows that get the same noise twice."""

Apart = tuple[Tensor, Tensor, Tensor]
"""Squared distances, (n,) each: of the sampler's means less those expected by chance, of the exact means, by chance."""


def examine(evidence: Evidence) -> list[Finding]:
    """Return the ratio between measurements, which decides, and the distance at the same noise."""
    wide = evidence.wide
    others = [] if wide is not None else [_with_another(pools.instance, evidence.seed) for pools in evidence.deep]
    parts = (
        [_pair(evidence, *one) for one in zip(evidence.deep, others, strict=True)] if wide is None else [_apart(wide)]
    )
    ours, exact, chance = (torch.cat(each) for each in zip(*parts, strict=True))
    if len(ours) < 2 or not bool(exact.sum() > 0):
        return [Finding("reading", note="needs two measurements whose posteriors differ")]
    scale = exact.mean()
    ratio, floor = float(ours.mean() / scale), float(chance.mean() / scale)
    error = float(standard_error((ours - ratio * exact) / scale))
    note = "how much pool means change with y, squared, over the exact ones; 0: y is not read"
    return [
        Finding("reading", "between", ratio, error, 1.0, MARGIN, floor, note=note),
        _same_noise(evidence, others if wide is None else [wide.instance]),
    ]


@dataclass(frozen=True)
class _Thrice(Streams):
    """Noise that gives every third of the rows the draws of the first third."""

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        return _first_third(super().draw(purpose, step, shape))

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        return _first_third(super().uniform(purpose, step))


def _first_third(draws: Tensor) -> Tensor:
    return torch.cat([draws[: len(draws) // 3]] * 3)


def _same_noise(evidence: Evidence, instances: Sequence[Instance]) -> Finding:
    """Return the distance between draws for y and another y at the same noise; the floor is that for y twice."""
    apart: list[float] = []
    again: list[float] = []
    for instance in instances:
        rows = torch.arange(OTHER) % len(instance)
        each = torch.cat([rows, (rows + 1) % len(instance), rows])
        # separate items with the same sample numbers, so that a wrapper groups each third into the same sets
        names = [f"{third} {r}" for third, part in enumerate(each.chunk(3)) for r in part.tolist()]
        noise = _Thrice(evidence.seed + (1 << 43), names, [*range(OTHER)] * 3)
        x, _ = restore(evidence.sampler, instance, each, noise, torch.arange(len(each)))
        one, other, repeated = x.chunk(3)
        scale = math.sqrt(instance.dim) * instance.prior_std
        for far, found in ((apart, one - other), (again, one - repeated)):
            # leave out rows that diverged
            distance = found.norm(dim=1)[found.isfinite().all(1)] / scale
            far.append(float(distance.square().mean().sqrt()) if len(distance) else 0.0)
    value, floor = (sum(each) / len(each) for each in (apart, again))
    note = "distance of draws for two y at the same noise, in sd of the prior; floor: for one y twice"
    return Finding("reading", "same noise", value, 0.0, floor=floor, decides=False, note=note)


def _apart(pools: Pools) -> Apart:
    """Return the squared distances of each measurement from the mean over all."""
    found, exact = pools.x.mean(1), pools.instance.exact.mean
    count = len(found)
    chance = pools.x.var(1).sum(1) / pools.draws
    # the mean over all pools includes each of them, hence n / (n - 1)
    spread, wanted = ((m - m.mean(0)).square().sum(1) * count / max(1, count - 1) for m in (found, exact))
    return spread - chance, wanted, chance


def _pair(evidence: Evidence, pools: Pools, both: Instance) -> Apart:
    """Return the squared distance between the two measurements of ``both``, of which the first has ``pools``."""
    other = replace(both, truths=both.truths[1:], y=both.y[1:], exact=_exact(both, 1), memory={})
    again, _ = draw(evidence.sampler, other, OTHER, evidence.seed + (1 << 42), (*pools.key, "other"))
    found = [p.x[0] for p in (pools, again)]
    chance = sum((x.var(0).sum() / len(x) for x in found), torch.zeros((), dtype=torch.float64))
    apart = (found[0].mean(0) - found[1].mean(0)).square().sum() - chance
    wanted = (both.exact.mean[0] - both.exact.mean[1]).square().sum()
    return apart[None], wanted[None], chance[None]


def _with_another(instance: Instance, seed: int) -> Instance:
    """Return the same problem with the measurement of a second signal added."""
    truth = instance.prior_draws[:1]
    y = instance.seen(truth)
    drawn = torch.from_numpy(generator("reading", instance.dim, seed).standard_normal(tuple(y.shape)))
    y = y + instance.sigma_y * instance.operator.where_measured(y) * drawn
    both = replace(instance, truths=torch.cat([instance.truths, truth]), y=torch.cat([instance.y, y]), memory={})
    return replace(both, exact=_exact(both, 0))


def _exact(instance: Instance, first: int) -> Conditional:
    exact = instance.exact
    assert isinstance(exact, Conditional)  # posteriors given by Markov chains have many measurements
    return Conditional(exact.prior, instance.matrix, instance.measured[first:], instance.sigma_y)
