r"""The diffusion loss: the cost of q(z_Te) under the prior above T_e (VIPaint, Eq. 14).

``Exact`` bounds KL(q(z_Te) ‖ p(z_Te)). Treating z_Te as a clean signal,

.. math:: -\log p(z_{T_e}) \le \sum_t E\,\mathrm{KL}[q(z_{t^-} \mid z_t, z_{T_e}) \,\|\, p_\theta(z_{t^-} \mid z_t)]
          + \mathrm{KL}[q(z_T \mid z_{T_e}) \,\|\, N(0, I)]

over all J times above T_e, the last term being -log p(z_Te | z_t). Parts that depend on the schedule alone are summed
in closed form, including the mean of ξ² within the squared differences of means; the rest is estimated by one time
per draw, times J. The entropy of q(z_Te) is subtracted, which Eq. 14 omits; its factor (T - T_e)/2 halves a KL that
already has its ½.

``Published`` is that of the public code: a mean over entries, on Karras' times, with the kernels of a variational z_Te.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posterity.diffusion.bridge import Bridge
from posterity.diffusion.levels import Level
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep, predicted_noise
from posterity.samplers._norms import norms
from posterity.samplers.problem import Problem
from posterity.samplers.vipaint.family import Normal, Step

__all__ = ["Exact", "Published", "kl", "widths"]

Pair = tuple[Level, Level]
"""(a level above T_e, the next level of the prior's step)."""


def kl(q: Normal, p: Normal | Step, inverted: bool = False) -> Tensor:
    """Return KL(q ‖ p) elementwise, (B, *state).

    Arguments:
        inverted: multiply the squared difference by p's variance, as in the public code, instead of dividing.
    """
    apart = (q.mean - p.mean).square()
    return widths(q.std, p.std) + 0.5 * (apart * p.std**2 if inverted else apart / p.std**2)


def widths(q_std: Tensor, p_std: Tensor | float) -> Tensor:
    """Return the part of KL(q ‖ p) due to the standard deviations, elementwise."""
    ratio = q_std / p_std
    return 0.5 * (ratio.square() - 1) - ratio.log()


def strata(u: float, pairs: int, count: int) -> list[int]:
    """Return one index below ``count`` per pair of draws: stratified, with random offset u in [0, 1)."""
    return [int((u * pairs + k) % pairs * count / pairs) % count for k in range(pairs)]


def at_one_time(problem: Problem, z: Tensor, xi: Tensor) -> Iterator[tuple[Problem, Tensor, Tensor]]:
    """Yield (problem, z, ±ξ) of the rows that share a network call: both draws of an antithetic pair, for every item.

    Both of a pair are evaluated at one time, so terms linear in ξ, most of the gradient's noise, cancel.

    Arguments:
        problem: one row per item.
        z: draws, (I, B, *state).
        xi: ξ, one per pair, (I, ⌈B/2⌉, *state).
    """
    both = problem.rows(torch.arange(len(z), device=z.device).repeat_interleave(2))
    for some, one in zip(z.split(2, 1), xi.unbind(1), strict=True):
        if some.shape[1] == 2:
            yield both, some.flatten(0, 1), torch.stack([one, -one], 1).flatten(0, 1)
        else:
            yield problem, some[:, 0], one


@dataclass(frozen=True)
class Exact:
    """The bound on KL(q(z_Te) ‖ p(z_Te)).

    Arguments:
        pairs: each time above T_e with the next cleaner one; the last leads to T_e.
        top: T_e.
    """

    pairs: tuple[Pair, ...]
    top: Level

    @classmethod
    def above(cls, top: Level, schedule: Schedule) -> Exact:
        """Return the loss on all times of the schedule above ``top``."""
        levels = [schedule.level(t) for t in range(len(schedule) - 1, math.floor(top.t), -1)]
        return cls(tuple(pairwise([*levels, top])), top)

    def __call__(self, problem: Problem, top: Normal, z: Tensor, xi: Tensor, u: float) -> Tensor:
        """Return the loss of each item, (I,).

        Arguments:
            problem: one row per item.
            top: q(z_Te), (I, *state).
            z: draws from it, (I, B, *state).
            xi: standard normal draws, one per pair of them, (I, ⌈B/2⌉, *state).
            u: in [0, 1), selects the times.
        """
        entropy = (top.std.log() + 0.5 * math.log(2 * math.pi * math.e)).flatten(1).sum(1)
        constant = z[0, 0].numel() * self._constant
        if not self.pairs:
            return self._terminal(z, self.top) + constant - entropy
        chosen = [self.pairs[j] for j in strata(u, xi.shape[1], len(self.pairs))]
        drawn = zip(at_one_time(problem, z, xi), chosen, strict=True)
        parts = [self._apart(*rows, *pair).view(len(z), -1) for rows, pair in drawn]
        apart = len(self.pairs) * torch.cat(parts, 1).mean(1)
        return apart + constant + self._terminal(z, self.pairs[0][0]) - entropy

    def _apart(self, problem: Problem, z: Tensor, xi: Tensor, t: Level, s: Level) -> Tensor:
        """Return the squared difference of means at s over twice the prior's variance, less ξ²'s part, (B,)."""
        a = math.sqrt(t.alpha_bar / self.top.alpha_bar)
        z_t = torch.add(a * z, xi, alpha=math.sqrt(1 - a**2))
        known, move = Bridge.between(self.top, s, t), PosteriorStep.between(t, s)
        # known.mean(z, z_t) - move.mean(x0, z_t), in one term for each tensor
        apart = torch.add(known.clean * z, z_t, alpha=known.noisy - move.xt_weight)
        apart = apart.sub_(problem.predict(z_t, t).x0, alpha=move.x0_weight)
        return (norms(apart).square() - self._wobble(t, s) ** 2 * norms(xi).square()) / (2 * move.variance)

    def _wobble(self, t: Level, s: Level) -> float:
        """Return the coefficient of ξ (of z_t) in the known mean at s."""
        return Bridge.between(self.top, s, t).clean * math.sqrt(self.top.alpha_bar / t.alpha_bar - 1)

    @cached_property
    def _constant(self) -> float:
        """Return the sum of all terms that depend on the schedule alone, per entry."""
        total = 0.0
        for t, s in self.pairs:
            variance = PosteriorStep.between(t, s).variance
            total += self._wobble(t, s) ** 2 / (2 * variance)
            if s == self.top:
                total += 0.5 * math.log(2 * math.pi * variance)
            else:
                ratio = Bridge.between(self.top, s, t).variance / variance
                total += 0.5 * (ratio - 1 - math.log(ratio))
        return total

    def _terminal(self, z: Tensor, last: Level) -> Tensor:
        """Return KL(q(z_T | z_Te) ‖ N(0, I)), or -log N(z_Te; 0, I) if T_e is the last time, (I,)."""
        square = norms(z.flatten(0, 1)).square().view(len(z), -1).mean(1)
        if last == self.top:
            return 0.5 * (square + z[0, 0].numel() * math.log(2 * math.pi))
        kept = last.alpha_bar / self.top.alpha_bar
        return 0.5 * (kept * square - z[0, 0].numel() * (kept + math.log(1 - kept)))


class _Kernel(NamedTuple):
    """The kernel z_t | z_Te ~ N(a z_Te, b²)."""

    a: Tensor
    b2: Tensor


@dataclass(frozen=True)
class Published:
    """The public code's diffusion loss: a mean over entries, times (T - T_e)/2.

    Arguments:
        times: Karras' times above T_e, ascending.
        top: T_e.
        factor: (T - T_e)/2.
        inverted: D1, squared differences are multiplied by variances.
        swapped: D2, the variance at the cleaner time uses the kernel from T_e instead of the one between the times.
        entropic: subtract the entropy of q(z_Te), a mean over entries (that is, without D3).
    """

    times: tuple[Level, ...]
    top: Level
    factor: float
    inverted: bool
    swapped: bool
    entropic: bool

    @classmethod
    def above(cls, top: Level, schedule: Schedule, defects: frozenset[str]) -> Published:
        """Return the loss on ``schedule`` with the ``defects`` to reproduce."""
        low, high, total = 0.002 ** (1 / 7), 0.999 ** (1 / 7), len(schedule)
        marks = (np.linspace(low, high, 1000) ** 7 * total).astype(int)
        times = tuple(schedule.level(int(t)) for t in marks if top.t < t <= total - 1)
        inverted, swapped = "inverted_kl" in defects, "swapped_kernel" in defects
        return cls(times, top, (total - top.t) / 2, inverted, swapped, "no_entropy" not in defects)

    def __call__(self, problem: Problem, top: Normal, z: Tensor, xi: Tensor, u: float) -> Tensor:
        """Return the loss of each item, (I,); arguments as for :class:`Exact`."""
        std = top.std
        chosen = [2 + j for j in strata(u, xi.shape[1], len(self.times) - 2)]
        parts, kept = [], []
        for (rows, some, noise), number in zip(at_one_time(problem, z, xi), chosen, strict=True):
            t, s = self.times[number], self.times[number - 1]
            each = len(some) // len(z)
            tau2 = std.square().repeat_interleave(each, dim=0)
            parts.append(self._one(rows, tau2, some, noise, t, s).view(len(z), each))
            # skip times that are not noisier than the fitted z_Te
            kept.append((std.flatten(1).amax(1) < s.noise)[:, None].expand(-1, each))
        counted = torch.cat(kept, 1)
        loss = torch.cat(parts, 1).where(counted, 0).sum(1) / counted.sum(1).clamp(min=1)
        entropy = (std.log() + 0.5 * math.log(2 * math.pi * math.e)).flatten(1).mean(1)
        return self.factor * loss - (entropy if self.entropic else 0)

    def _one(self, problem: Problem, tau2: Tensor, z: Tensor, xi: Tensor, t: Level, s: Level) -> Tensor:
        """Return the KL at one pair of times, a mean over entries, (I,)."""
        to_t = self._kernel(t, tau2)
        z_t = to_t.a * z + to_t.b2.sqrt() * xi
        kept = t.alpha_bar / self.top.alpha_bar
        eps = predicted_noise(z_t, problem.predict(z_t, t).x0, t)
        predicted = (z_t - math.sqrt(1 - kept) * eps) / math.sqrt(kept)
        fitted = self._between(self._kernel(s, tau2), z, z_t, t, s)
        prior = self._between(self._kernel(s, torch.full_like(tau2, self.top.noise**2)), predicted, z_t, t, s)
        return kl(fitted, prior, self.inverted).flatten(1).mean(1)

    @staticmethod
    def _kernel(t: Level, tau2: Tensor) -> _Kernel:
        """Return the kernel of z_t given z_Te of variance τ²: the forward process from the mean's clean signal."""
        a2 = t.alpha_bar / (1 - tau2)
        return _Kernel(a2.sqrt(), (t.noise**2 - a2 * tau2).clamp(min=1e-8))

    def _between(self, to_s: _Kernel, z: Tensor, z_t: Tensor, t: Level, s: Level) -> Normal:
        """Return q(z_s | z_Te, z_t), (I, *state)."""
        a2 = math.sqrt(t.alpha_bar / s.alpha_bar)
        b2 = 1 - a2**2
        variance = 1 / (1 / to_s.b2 + (to_s.a if self.swapped else a2) ** 2 / b2)
        return Normal(variance * (to_s.a * z / to_s.b2 + a2 * z_t / b2), variance.sqrt())
