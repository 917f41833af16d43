"""The objective of VIPaint (Eq. 13): reconstruction, hierarchical and diffusion loss of each item."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from posterity.samplers.problem import Problem
from posterity.samplers.vipaint.family import Family, Normal
from posterity.samplers.vipaint.rungs import kl

__all__ = ["Draws", "Objective", "Terms", "misfit"]

Misfit = Callable[[Tensor, Tensor], Tensor]
"""(residual (B, *measurement), mask of measured entries) → loss of each row, (B,)."""


class Draws(NamedTuple):
    """Standard normal draws of an iteration, B per item.

    Arguments:
        chain: (K, I, B, *state), for the key levels.
        above: (I, ⌈B/2⌉, *state), for times above T_e, one per pair of draws.
        u: in [0, 1), selects these times.
    """

    chain: Tensor
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
        items, count = draws.chain.shape[1:3]
        of_draws = replace(family, parameters=family.parameters.repeated(count))
        # down the chain
        z = of_draws.top().draw(draws.chain[0].flatten(0, 1))
        prior = self.above(problem, family.top(), z.unflatten(0, (items, count)), draws.above, draws.u)
        chain = z.new_zeros(items)
        for k in range(1, len(family.levels)):
            p = of_draws.transition(k, drawn, z)
            q = of_draws.step(k, p)
            apart = kl(q, p, self.inverted).flatten(1)
            chain = chain + (apart.sum(1) if self.summed else apart.mean(1)).view(items, count).mean(1)
            z = q.draw(draws.chain[k].flatten(0, 1))
        # one step to the clean prediction
        x0 = drawn.predict(z, family.levels[-1]).x0
        residual = drawn.residual(x0)
        data = self.misfit(residual, drawn.operator.where_measured(residual)).view(items, count).mean(1)
        return Terms(torch.stack([data, chain, prior]), x0.unflatten(0, (items, count))[:, 0])


def misfit(kind: str, std: float, summed: bool) -> Misfit:
    """Return -log p(y | x0) for Gaussian or Laplace ("l1") noise of standard deviation ``std``.

    Arguments:
        summed: sum over measured entries; else the public code's mean over all entries of half a square or of a
            modulus, without constants.
    """

    def loss(residual: Tensor, measured: Tensor) -> Tensor:
        size = residual.abs() if kind == "l1" else 0.5 * residual.square()
        if not summed:
            return size.flatten(1).mean(1)
        count = measured.flatten(1).sum(1)
        if kind == "l1":
            return math.sqrt(2) / std * size.flatten(1).sum(1) + count * math.log(math.sqrt(2) * std)
        return size.flatten(1).sum(1) / std**2 + count * (0.5 * math.log(2 * math.pi) + math.log(std))

    return loss
