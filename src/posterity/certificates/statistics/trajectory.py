"""Tests that intermediate states follow the exact law of x_t given y, and finds when they commit to a mode.

The posterior of a mixture is a mixture, and stays one when noise is added: the law of every state is known.
All findings are reported only and decide nothing, because a sampler may follow another path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from posterity.certificates.cases import Instance
from posterity.certificates.conditional import Conditional
from posterity.certificates.evidence import Evidence, posed
from posterity.certificates.finding import Finding
from posterity.certificates.probing import Streams
from posterity.certificates.statistics._estimates import BY_DRAWS_ALONE, closed
from posterity.diffusion.levels import Level
from posterity.priors.around import Around
from posterity.priors.base import Prediction, Prior
from posterity.samplers.base import Sampler

__all__ = ["examine", "states"]

PATHS = 256
LEVELS = 12
COMMITTED = 0.99
"""Responsibility above which a state has chosen a mode."""


def examine(evidence: Evidence) -> list[Finding]:
    """Return the worst of ``LEVELS`` noise levels, evenly spaced in log σ, over ``PATHS`` paths of one measurement."""
    if not evidence.sampler.follows:
        return [Finding("trajectory", note="its states are not meant to follow p(x_t | y)")]
    deep = closed(evidence, broad=False)
    if not deep:
        return [Finding("trajectory", note=BY_DRAWS_ALONE)]
    pools, exact = deep[0]
    ours, drawn, sigmas = [], [], []
    for t, x in states(evidence.sampler, pools.instance, evidence.seed).items():
        law = exact.noised(t.alpha_bar)
        ours.append(_numbers(law, x))
        drawn.append(_numbers(law, law.draw(PATHS, "trajectory", f"{t.t:.12g}", evidence.seed)[0]))
        sigmas.append(t.noise)
    if not sigmas:
        return [Finding("trajectory", note="it makes no call")]
    return _findings(torch.stack(ours), torch.stack(drawn), sigmas, several=exact.weights.shape[1] > 1)


class _Watched(Around):
    """A prior that records the last state it was asked about at each level, or at each of ``levels`` if given."""

    def __init__(self, prior: Prior, levels: frozenset[Level] | None = None) -> None:
        super().__init__(prior)
        self.levels = levels
        self.seen: dict[Level, Tensor] = {}

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        if self.levels is None or level in self.levels:
            self.seen[level] = x_t.detach().flatten(1)
        return super().predict(x_t, level)


def states(sampler: Sampler, instance: Instance, seed: int) -> dict[Level, Tensor]:
    """Return {level: x_t of all paths, (PATHS, d)}, the noisiest first; with time travel, of the last visit."""
    visited = sorted(_run(sampler, instance, seed, 1, None), key=lambda level: level.noise)
    if not visited:
        return {}
    sigma = torch.tensor([level.noise for level in visited], dtype=torch.float64).log()
    wanted = torch.linspace(float(sigma[0]), float(sigma[-1]), LEVELS, dtype=sigma.dtype)
    nearest = (sigma - wanted[:, None]).abs().argmin(1).tolist()
    found = _run(sampler, instance, seed, PATHS, frozenset(visited[i] for i in nearest))
    return {level: found[level] for level in sorted(found, key=lambda level: -level.noise)}


def _run(
    sampler: Sampler, instance: Instance, seed: int, paths: int, levels: frozenset[Level] | None
) -> dict[Level, Tensor]:
    prior = _Watched(instance.prior, levels)
    rows = torch.zeros(paths, dtype=torch.long)
    noise = Streams(seed + (1 << 41), ["0"] * paths, range(paths))
    given = replace(posed(sampler, instance, rows, rows), prior=prior, operator=instance.operator.rows(rows))
    sampler.sample(given, noise)
    return {level: x.double() for level, x in prior.seen.items()}


def _numbers(law: Conditional, x: Tensor) -> Tensor:
    """Return (variance over the exact one, error of the mean in exact sd, TV of the modes, share committed), (4,)."""
    exact = law.total_variance[0]
    off = (x.mean(0) - law.mean[0]).norm() / exact.sqrt()
    shares = law.responsibilities(x[None])[0]
    variation = (shares.mean(0) - law.weights[0]).abs().sum() / 2
    return torch.stack([x.var(0).sum() / exact, off, variation, (shares.amax(1) > COMMITTED).double().mean()])


def _findings(ours: Tensor, drawn: Tensor, sigmas: Sequence[float], *, several: bool) -> list[Finding]:
    """Compare (levels, 4) of the paths with those of as many exact draws; ``several``: more than one mode."""
    out = []
    for column, part, target, error, what in (
        (0, "spread", 1.0, math.sqrt(2 / PATHS), "variance over the exact one"),
        (1, "mean", 0.0, math.sqrt(1 / PATHS), "error of the mean in exact standard deviations"),
        (2, "modes", 0.0, math.sqrt(0.25 / PATHS), "total variation of the modes' weights"),
    ):
        if part == "modes" and not several:
            continue
        far = [(v[:, column].clamp(min=1e-12).log().abs() if part == "spread" else v[:, column]) for v in (ours, drawn)]
        worst, floor = int(far[0].argmax()), int(far[1].argmax())
        note = f"{what}, the worst of {len(sigmas)} levels: at noise {sigmas[worst]:.2g}"
        values = float(ours[worst, column]), float(drawn[floor, column])
        out.append(Finding("trajectory", part, values[0], error, target, None, values[1], decides=False, note=note))
    return [*out, _commitment(ours[:, 3], drawn[:, 3], sigmas)] if several else out


def _commitment(ours: Tensor, drawn: Tensor, sigmas: Sequence[float]) -> Finding:
    """Return the noise at which half of the paths choose a mode, over that of exact states; above 1 is too early."""
    chosen = [
        next((s for s, share in zip(sigmas, each.tolist(), strict=True) if share > 0.5), None) for each in (ours, drawn)
    ]
    if None in chosen:
        return Finding("trajectory", "commitment", note="half of the states never choose a mode")
    ratio = float(chosen[0] or 0) / float(chosen[1] or 1)
    return Finding(
        "trajectory", "commitment", ratio, 0.0, 1.0, decides=False,
        note=f"half have chosen at noise {chosen[0]:.2g}, exact states at {chosen[1]:.2g}",
    )  # fmt: skip
