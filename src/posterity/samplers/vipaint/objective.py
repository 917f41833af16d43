"""The objective of VIPaint (Eq. 13): reconstruction, hierarchical and diffusion loss of each item."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from posterity.samplers._norms import norms
from posterity.samplers.problem import Problem
from posterity.samplers.vipaint.family import Family, Normal, Step
from posterity.samplers.vipaint.rungs import widths

__all__ = ["Draws", "Objective", "Terms", "misfit"]

Misfit = Callable[[Tensor, Tensor], Tensor]
"""(residual (B, *measurement), number of its measured entries (B,)) → loss of each row, (B,)."""


class Draws(NamedTuple):
    """Standard normal draws of an iteration, B per item.

    Arguments:
        chain: (I, B, *state) for each of the K key levels.
        above: (I, ⌈B/2⌉, *state), for times above T_e, one per pair of draws.
        u: in [0, 1), selects these times.
    """

    chain: Sequence[Tensor]
    above: Tensor
    u: float


class Terms(NamedTuple):
    """The terms of the objective at one iteration.

    Arguments:
        losses: unweighted reconstruction, hierarchical and diffusion loss, (3, I).
        x0: clean prediction of each item's first draw, (I, *state).
    """

    losses: Tensor
    x0: Tensor


@dataclass(frozen=True)
class Objective:
    """The losses of a family.

    Arguments:
        above: the diffusion loss.
        misfit: the reconstruction loss.
        summed: whether the hierarchical loss is a sum over entries instead of their mean.
        inverted: whether squared differences in the hierarchical loss are multiplied by variances (D1).
    """

    above: Callable[[Problem, Normal, Tensor, Tensor, float], Tensor]
    misfit: Misfit
    summed: bool
    inverted: bool = False

    def __call__(self, problem: Problem, drawn: Problem, family: Family, draws: Draws) -> Terms:
        """Return the losses of each item, (3, I).

        Arguments:
            problem: one row per item.
            drawn: the same problem with B rows per item.
            family: one row per item.
            draws: B per item.
        """
        items, count = draws.chain[0].shape[:2]
        of_draws = replace(family, parameters=family.parameters.of_draws())
        # down the chain
        top = family.top()
        z = Normal(top.mean[:, None], top.std[:, None]).draw(draws.chain[0])
        prior = self.above(problem, top, z, draws.above, draws.u)
        chain = z.new_zeros(items)
        for k in range(1, len(family.levels)):
            mean, std = family.transition(k, drawn, z.flatten(0, 1))
            p = Step(mean.unflatten(0, (items, count)), std)
            q = of_draws.step(k, p)
            chain = chain + self._apart(q, p)
            z = q.draw(draws.chain[k])
        # one step to the clean prediction
        x0 = drawn.predict(z.flatten(0, 1), family.levels[-1]).x0
        data = self.misfit(drawn.residual(x0), drawn.measured).view(items, count).mean(1)
        return Terms(torch.stack([data, chain, prior]), x0.unflatten(0, (items, count))[:, 0])

    def _apart(self, q: Normal, p: Step) -> Tensor:
        """Return the mean of KL(q ‖ p) over the draws of each item, (I,); what they share is computed once."""
        squares = norms((q.mean - p.mean).flatten(0, 1)).square().view(len(q.mean), -1).mean(1)
        shared = widths(q.std, p.std).flatten(1).sum(1)
        total = shared + 0.5 * squares * (p.std**2 if self.inverted else 1 / p.std**2)
        return total if self.summed else total / q.mean[0, 0].numel()


def misfit(kind: str, std: float, summed: bool) -> Misfit:
    """Return -log p(y | x0) for Gaussian or Laplace ("l1") noise of standard deviation ``std``.

    Arguments:
        summed: sum over measured entries; else the public code's mean over all entries of half a square or of a
            modulus, without constants.
    """

    def loss(residual: Tensor, measured: Tensor) -> Tensor:
        size = residual.abs().flatten(1).sum(1) if kind == "l1" else 0.5 * norms(residual).square()
        if not summed:
            return size / residual[0].numel()
        if kind == "l1":
            return math.sqrt(2) / std * size + measured * math.log(math.sqrt(2) * std)
        return size / std**2 + measured * (0.5 * math.log(2 * math.pi) + math.log(std))

    return loss
