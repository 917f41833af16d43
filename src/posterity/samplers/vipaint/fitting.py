"""The fit of VIPaint: initial values and its three optimisers (Appendix E.1, as in the public code)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise, generator
from posterity.diffusion.steps import PosteriorStep
from posterity.samplers._adam import Adam
from posterity.samplers.problem import Problem
from posterity.samplers.vipaint.family import Family, Parameters
from posterity.samplers.vipaint.objective import Draws, Objective, Terms

__all__ = ["Beginning", "Fit", "Rates", "fitted"]


@dataclass(frozen=True)
class Beginning:
    """Initial values of the parameters.

    Arguments:
        jitter: standard deviation of the noise added to the encoded measurement.
        top_noise: standard deviation of the noise added to the mean at T_e.
        spread: τ of a level below T_e, over the standard deviation of the posterior step to it.
        gate: g.
        twice: means below T_e are multiplied by √ᾱ, which the family does again (D4).
    """

    jitter: float
    top_noise: float
    spread: float
    gate: float
    twice: bool

    def __call__(self, problem: Problem, noise: Noise, levels: Sequence[Level], scaled: bool) -> Parameters:
        """Return initial parameters for the items of ``problem``, with noise from ``noise``; (K, I, *state)."""
        code, top, means = self._code(problem), levels[0], []
        for k, level in enumerate(levels):
            own = code + self.jitter * noise.normal("fit code", k)
            z = noise.normal("fit mean", k)
            shrunk = level.signal if self.twice and k > 0 else 1.0
            mean = shrunk * own + (level.noise if k > 0 else self.top_noise) * z
            means.append(mean if scaled else level.signal * mean)
        steps = [PosteriorStep.between(t, s).variance for t, s in itertools.pairwise(levels)]
        variances = [top.noise**2, *(self.spread**2 * v for v in steps)]
        spreads = [torch.full_like(code, math.log(v)) for v in variances]
        gates = code.new_full((len(levels) - 1, *code.shape), self.gate)
        return Parameters(torch.stack(means), torch.stack(spreads), gates)

    @staticmethod
    def _code(problem: Problem) -> Tensor:
        """Return the state of A⁺y, or of a grey image if A has no pseudo-inverse; (I, *state)."""
        operator = problem.signal_operator
        if "pinv" in operator.has:
            return problem.encode(operator.pinv(problem.y))
        shape = problem.prior.signal_shape
        return problem.encode(problem.y.new_zeros(len(problem), *shape))


@dataclass(frozen=True)
class Rates:
    """Step sizes of the three optimisers, in the order of :class:`Parameters`, and their decay.

    Arguments:
        first: step sizes at the first iteration.
        decay: factor every ten iterations.
    """

    first: tuple[float, float, float]
    decay: float

    def optimisers(self) -> list[Adam]:
        """Return one Adam per group of parameters."""
        return [Adam(rate, betas=(0.9, 0.99)) for rate in self.first]

    def lower(self, optimisers: list[Adam], iteration: int) -> None:
        """Set the step sizes for ``iteration``."""
        for adam, first in zip(optimisers, self.first, strict=True):
            adam.rate = first * self.decay ** (iteration // 10)


@dataclass(frozen=True)
class Fit:
    """The result of phase 1.

    Arguments:
        family: one row per item.
        member: the item of each row, long (B,).
        history: for every iteration, the reconstruction, hierarchical and diffusion loss before its step, (3, I).
    """

    family: Family
    member: Tensor
    history: list[Tensor]

    def of_samples(self) -> Family:
        """Return the family with one row per sample."""
        return self.family.rows(self.member)


def fitted(
    problem: Problem,
    noise: Noise,
    family: Family,
    objective: Objective,
    weights: tuple[float, float, float],
    rates: Rates,
    count: int,
) -> Iterator[tuple[Family, Terms]]:
    """Yield without end (the family after an iteration, the losses before its step).

    Arguments:
        problem: one row per item.
        noise: draws of the items.
        family: the initial family.
        objective: the losses.
        weights: weights of the three losses.
        rates: step sizes.
        count: B, draws per item.
    """
    drawn = problem.rows(torch.arange(len(problem), device=problem.y.device).repeat_interleave(count))
    optimisers = rates.optimisers()
    for i in itertools.count():
        rates.lower(optimisers, i)
        draws = _draws(noise, i, count, problem.shape, len(family.levels))
        with torch.enable_grad():
            leaves = Parameters(*(p.detach().requires_grad_() for p in family.parameters))
            terms = objective(problem, drawn, replace(family, parameters=leaves), draws)
            weighted = sum(w * loss.sum() for w, loss in zip(weights, terms.losses, strict=True))
            assert isinstance(weighted, Tensor)
            slopes = torch.autograd.grad(weighted, leaves, allow_unused=True, materialize_grads=True)
        moved = (p.detach() - adam.step(g) for p, adam, g in zip(leaves, optimisers, slopes, strict=True))
        family = replace(family, parameters=Parameters(*moved))
        yield family, Terms(terms.losses.detach(), terms.x0.detach())


def _draws(noise: Noise, i: int, count: int, shape: tuple[int, ...], levels: int) -> Draws:
    """Return the draws of iteration i. ``u`` is shared by all items, so that one network call serves them all."""
    chain = [noise.normal(f"fit level {k}", i, (count, *shape)) for k in range(levels)]
    u = float(generator(noise.seed, "fit times", i).random())
    return Draws(chain, noise.normal("fit above", i, ((count + 1) // 2, *shape)), u)
