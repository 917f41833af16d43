r"""CoPaint: optimise each state so that its one-step prediction agrees with y (Zhang et al. 2023, Alg. 1).

At each level the state descends, by a few gradient steps with a line search,

.. math:: L(x) = \|y - A\hat x_0(x)\|^2 + \lambda_t\|x - x_t\|^2,

sums over the measured entries and over the state; a deterministic DDIM step follows. The state at
level 0 (noise 0.01) is clipped to [-1, 1] and returned. The paper treats masks; here A is any
differentiable operator. σ_y is not used.

Not copied from the public code: one loss and one step size for the whole batch, which couples samples
through the line search (here each row has its own), and a second evaluation of every accepted
proposal (here its graph is kept: 1 + G evaluations per level instead of 1 + 2G).
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import predicted_noise, renoise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["CoPaint", "Strengths", "Tried"]

_RETRIES = 60
"""Shorter steps that the line search tries before it keeps the state."""


class Strengths(NamedTuple):
    """Settings at one level: the step size before any retry, and λ."""

    rate: float
    stay: float


class Tried(NamedTuple):
    """A state with its graph: x (B, *signal), the network's clean prediction (B, *signal), the loss L (B,)."""

    x: Tensor
    network: Tensor
    loss: Tensor


@settings
class CoPaint(Sampler):
    """Coherent inpainting; the operator need only be differentiable.

    A run makes (``steps`` - 1)·(1 + ``gradient_steps``) evaluations, plus one for every retry in which
    some row of the batch takes a shorter step.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="levels of the respaced schedule")] = 250
    gradient_steps: Annotated[int, Field(ge=0, description="G, gradient steps at every level")] = 2
    rate: Annotated[float, Field(ge=0, description="step size at the first level, before the factor √ᾱ_t/√ᾱ_0")] = 0.02
    rate_growth: Annotated[float, Field(gt=0, description="factor of the step size from level to level")] = 1.012
    stay: Annotated[float, Field(ge=0, description="λ at the first level; 0.01 for ImageNet")] = 1e-4
    stay_growth: Annotated[float, Field(gt=0, description="factor of λ from level to level; 1 for ImageNet")] = 1.01
    clamp: Annotated[bool, Field(description="clip clean predictions and the result to [-1, 1]")] = True

    quick = MappingProxyType({"steps": 20})
    standard = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        return schedule.grid(self.steps, "spaced")

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        strengths = self.strengths(problem.schedule)
        x_t = problem.begin(noise)
        for _, (t, s) in problem.steps(self):
            # optimise the state
            state = self._optimise(problem, t, strengths[t], x_t)
            # deterministic DDIM step
            x_t = self._ddim(problem, t, s, state)
        return problem.clip(x_t, self.clamp)

    def strengths(self, schedule: Schedule) -> dict[Level, Strengths]:
        """Return step size and λ per level. Both grow from level to level; the step size also scales with √ᾱ_t."""
        grid = schedule.grid(self.steps, "spaced")
        return {
            t: Strengths(
                rate=self.rate * self.rate_growth**k * math.sqrt(t.alpha_bar / grid[-1].alpha_bar),
                stay=self.stay * self.stay_growth**k,
            )
            for k, t in enumerate(grid)
        }

    def _optimise(self, problem: Problem, t: Level, strengths: Strengths, x_t: Tensor) -> Tried:
        """Return the state after G gradient steps on L from x_t, (B, *signal); each row has its own step size."""
        rate = x_t.new_full((len(x_t), *[1] * (x_t.ndim - 1)), strengths.rate)
        tried = self._try(problem, t, x_t, x_t, strengths.stay)
        for _ in range(self.gradient_steps):
            before = tried.loss.detach()
            (gradient,) = torch.autograd.grad(tried.loss, tried.x, torch.ones_like(tried.loss))
            worse = torch.ones_like(before, dtype=torch.bool)
            for factor in (1.0, *[0.8] * _RETRIES, 0.0):
                rate = torch.where(worse.view_as(rate), factor * rate, rate)
                proposal = self._try(problem, t, tried.x.detach() - rate * gradient, x_t, strengths.stay)
                worse = ~(proposal.loss.detach() <= before)
                if not worse.any():
                    break
            tried = proposal
        return Tried(tried.x.detach(), tried.network.detach(), tried.loss.detach())

    def _try(self, problem: Problem, t: Level, x: Tensor, x_t: Tensor, stay: float) -> Tried:
        """Evaluate L at x with proximal centre x_t and weight λ = ``stay``; both (B, *signal)."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(self.gradient_steps > 0)
            network = problem.predict(x, t).x0
            misfit = problem.residual(problem.clip(network, self.clamp)).square().flatten(1).sum(1)
            return Tried(x, network, misfit + stay * (x - x_t).square().flatten(1).sum(1))

    def _ddim(self, problem: Problem, t: Level, s: Level, state: Tried) -> Tensor:
        """Return x_s of a deterministic DDIM step (η = 0), (B, *signal); eps is the network's own, not clipped."""
        eps = predicted_noise(state.x, state.network, t)
        x0 = problem.guided(problem.clip(state.network, self.clamp), t)
        x0 = problem.clip(x0, self.clamp)
        return renoise(s, x0, (s.noise, eps))
