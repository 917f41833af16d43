r"""CoPaint: every state is moved until its one-step prediction agrees with y (Zhang et al. 2023, Alg. 1).

At each level the state descends, by a few gradient steps with a line search,

.. math:: L(x) = \|y - A\hat x_0(x)\|^2 + \lambda_t\|x - x_t\|^2,

sums over the measured entries and over the state, before a deterministic DDIM step from where it
arrived. The state at level 0 (noise 0.01) is cut to the range and returned. Written for masks; the
residual of any differentiable operator stands in the same place, and σ_y has no part in it.

Deviations of public code that are not copied: one loss and one step size for the whole batch, which
couple samples through the line search (here each row has its own), and a second evaluation of every
accepted proposal (here its graph is kept, 1 + G evaluations a level instead of 1 + 2G).
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import cut, predicted_noise, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["CoPaint", "Tried"]

_RETRIES = 60
"""Shorter steps that a line search tries before it stays where it is."""


class Tried(NamedTuple):
    """A state with its graph: x (B, *signal), the network's clean prediction, the loss L (B,)."""

    x: Tensor
    network: Tensor
    loss: Tensor


@settings
class CoPaint(Sampler):
    """Coherent inpainting; the operator need only be differentiable.

    A run makes ``steps`` - 1 times 1 + ``gradient_steps`` evaluations, and one for every retry in
    which some row of the batch takes a shorter step.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="levels of the respaced schedule")] = 250
    gradient_steps: Annotated[int, Field(ge=0, description="G, gradient steps at every level")] = 2
    rate: Annotated[float, Field(ge=0, description="step size at the first level, before the factor √ᾱ_t/√ᾱ_0")] = 0.02
    rate_growth: Annotated[float, Field(gt=0, description="factor of the step size from level to level")] = 1.012
    stay: Annotated[float, Field(ge=0, description="λ at the first level; 0.01 for ImageNet")] = 1e-4
    stay_growth: Annotated[float, Field(gt=0, description="factor of λ from level to level; 1 for ImageNet")] = 1.01
    clamp: Annotated[bool, Field(description="clean predictions and the result are cut to [-1, 1]")] = True

    quick = MappingProxyType({"steps": 20})
    standard = MappingProxyType({"steps": 50})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        grid = problem.prior.schedule.grid(self.steps, "spaced")
        walk = transitions([*reversed(range(self.steps))])
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk, x_t = [(now, nxt) for now, nxt in walk if grid[now] <= start[0]], start[1]
        for step, (now, nxt) in enumerate(walk):
            state = self._optimise(problem, grid, now, x_t)
            x_t, x0 = self._ddim(problem, grid, now, nxt, state, guidance)
            if watch is not None:
                watch(step, len(walk), x0)
        return self._cut(x_t)

    def _optimise(self, problem: Problem, grid: list[int], now: int, x_t: Tensor) -> Tried:
        """The state after G gradient steps on L from x_t; each row has its own step size."""
        level, t = len(grid) - 1 - now, grid[now]
        decay = math.sqrt(problem.alpha_bar(t) / problem.alpha_bar(grid[0]))
        rate = x_t.new_full((len(x_t), *[1] * (x_t.ndim - 1)), self.rate * self.rate_growth**level * decay)
        stay = self.stay * self.stay_growth**level
        tried = self._try(problem, t, x_t, x_t, stay)
        for _ in range(self.gradient_steps):
            before = tried.loss.detach()
            (gradient,) = torch.autograd.grad(tried.loss, tried.x, torch.ones_like(tried.loss))
            worse = torch.ones_like(before, dtype=torch.bool)
            for factor in (1.0, *[0.8] * _RETRIES, 0.0):
                rate = torch.where(worse.view_as(rate), factor * rate, rate)
                proposal = self._try(problem, t, tried.x.detach() - rate * gradient, x_t, stay)
                worse = ~(proposal.loss.detach() <= before)
                if not worse.any():
                    break
            tried = proposal
        return Tried(tried.x.detach(), tried.network.detach(), tried.loss.detach())

    def _try(self, problem: Problem, t: int, x: Tensor, x_t: Tensor, stay: float) -> Tried:
        """L at x, which stays near x_t with weight ``stay``."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(self.gradient_steps > 0)
            network = problem.denoise(x, t)
            misfit = problem.residual(self._cut(network)).square().flatten(1).sum(1)
            return Tried(x, network, misfit + stay * (x - x_t).square().flatten(1).sum(1))

    def _ddim(
        self, problem: Problem, grid: list[int], now: int, nxt: int, state: Tried, guidance: Guidance | None
    ) -> tuple[Tensor, Tensor]:
        """(x_s, guided clean prediction) of a deterministic step; eps is the network's own, not cut."""
        t, a_s = grid[now], problem.alpha_bar(grid[nxt])
        eps = predicted_noise(state.x, state.network, problem.alpha_bar(t))
        x0 = problem.guided(guidance, self._cut(state.network), t / len(problem.prior.schedule))
        x0 = self._cut(x0)
        return weighted((math.sqrt(a_s), x0), (math.sqrt(1 - a_s), eps)), x0

    def _cut(self, x0: Tensor) -> Tensor:
        return cut(x0) if self.clamp else x0
