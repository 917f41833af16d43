r"""ReSample as its authors' repository computes it (Song et al. 2024, arXiv:2307.08123); differs from :mod:`.resample`.

Steps are deterministic DDIM steps, each with the guidance step of latent DPS,
:math:`-\tfrac12\bar\alpha_t\nabla\|y - A D(\hat z_0)\|`. At every tenth step of the cleaner two thirds, up to five
trial DDIM steps are taken. From the clean prediction they end with, AdamW minimises ‖y - A D(z)‖² without a proximal
term: over states in the cleanest third, over signals before. The next state is drawn from the product of
:math:`N(\sqrt{a}\,\hat z_0(y), 1 - a)` and N(z', σ²), with ᾱ = a of the *next* level and
:math:`\sigma^2 = \omega\,(1-a)/(1-\bar\alpha_t)\;(1 - \bar\alpha_t/a)`, whose denominator differs from the paper's.
The last state is optimised once more. A row stops once its mean squared residual is below ``tolerance``; in states
also when 200 iterations have not lowered it. It therefore fits the noise of y too.

Not copied from the public code: masked pixels in the residual, and one norm over the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import ddim_noise_split, predicted_noise, renoise
from posterity.samplers._adam import Adam
from posterity.samplers._norms import norms
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["ReSampleRepository"]

_DECAY = 0.01
"""Weight decay of AdamW, its default."""
_PATIENCE = 200
"""Iterations within which the residual over states must fall."""


@settings
class ReSampleRepository(Sampler):
    """ReSample's public code: a gradient at every step, trial steps before each optimisation, no proximal term."""

    steps: Annotated[int, Field(ge=1, le=1000, description="steps; trial steps evaluate the network as well")] = 500
    scale: Annotated[float, Field(ge=0, description="step along the gradient of ‖y - A D(z0)‖₂, times ᾱ")] = 0.5
    spread: Annotated[float, Field(ge=0, description="ω of the variance σ² of resampling; 0 keeps z'")] = 40.0
    every: Annotated[int, Field(ge=1, description="steps from one optimisation to the next")] = 10
    trial: Annotated[int, Field(ge=0, description="trial DDIM steps before an optimisation, at most")] = 5
    tolerance: Annotated[float, Field(ge=0, description="mean squared residual at which a row stops")] = 1e-6
    iterations: Annotated[int, Field(ge=0, description="AdamW iterations over states at most")] = 500
    rate: Annotated[float, Field(gt=0, description="AdamW's step size over states")] = 0.005
    signal_iterations: Annotated[int, Field(ge=0, description="AdamW iterations over signals at most")] = 2000
    signal_rate: Annotated[float, Field(gt=0, description="AdamW's step size over signals")] = 0.01

    needs = frozenset({"latent"})
    quick = MappingProxyType({"steps": 50, "iterations": 20, "signal_iterations": 20})
    standard = MappingProxyType({"steps": 100, "iterations": 100, "signal_iterations": 100})

    def times(self, schedule: Schedule) -> list[Level]:
        grid = schedule.grid(self.steps, "ddim")
        return [*grid, schedule.level(0) if grid[-1].t > 0 else CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        levels = self.times(problem.schedule)
        position = {t: self.steps - 1 - k for k, t in enumerate(levels[:-1])}
        third = self.steps // 3
        z_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict ẑ0 and the gradient of ‖y - A D(ẑ0)‖ in z_t
            z0, gradient = self._predict(problem, z_t, t)
            # DDIM step, guidance step
            z_s = self._ddim(z_t, z0, t, s).sub_(gradient, alpha=self.scale * t.alpha_bar)
            k = position[t]
            if 0 < k <= self.steps - third and k % self.every == 0:
                # trial steps, then hard consistency
                z0 = self._walked(problem, z_s, z0, levels[self.steps - k : self.steps - k + self.trial + 1])
                z0 = self._in_states(problem, z0) if k < third else self._in_signals(problem, z0)
                # stochastic resampling
                weight, variance = self._product(t, s)
                z_s = z_s + weight * (s.signal * z0 - z_s) + math.sqrt(variance) * noise.normal("resample", step)
            z_t = z_s
        return self._in_states(problem, z_t)

    def _predict(self, problem: Problem, z_t: Tensor, t: Level) -> tuple[Tensor, Tensor]:
        """Return (guided ẑ0, gradient in z_t of each row's residual norm), detached; (B, *state)."""
        with torch.enable_grad():
            z_t = z_t.detach().requires_grad_()
            z0 = problem.guided(problem.predict(z_t, t).x0, t)
            (gradient,) = torch.autograd.grad(norms(problem.residual(z0)).sum(), z_t)
        return z0.detach(), gradient

    @staticmethod
    def _ddim(z_t: Tensor, z0: Tensor, t: Level, s: Level) -> Tensor:
        return renoise(s, z0, (ddim_noise_split(t, s, 0.0)[1], predicted_noise(z_t, z0, t)))

    def _walked(self, problem: Problem, z: Tensor, z0: Tensor, levels: Sequence[Level]) -> Tensor:
        """Return the clean prediction after unguided DDIM steps along ``levels``, (B, *state); z0 if there are none."""
        for t, s in pairwise(levels):
            z0 = problem.predict(z, t).x0
            z = self._ddim(z, z0, t, s)
        return z0

    def _product(self, t: Level, s: Level) -> tuple[float, float]:
        """Return (the weight w of √a ẑ0(y) in the mean, where z' has weight 1 - w; the variance)."""
        rest = 1 - s.alpha_bar
        own = self.spread * rest / (1 - t.alpha_bar) * (1 - t.alpha_bar / s.alpha_bar)
        weight = own / (own + rest)
        return weight, weight * rest

    def _in_states(self, problem: Problem, z: Tensor) -> Tensor:
        return self._minimised(problem, z, problem.residual, self.rate, self.iterations, _PATIENCE)

    def _in_signals(self, problem: Problem, z: Tensor) -> Tensor:
        how = problem.residual_of, self.signal_rate, self.signal_iterations, self.signal_iterations
        return problem.encode(self._minimised(problem, problem.decode(z), *how))

    def _minimised(
        self,
        problem: Problem,
        v: Tensor,
        residual: Callable[[Tensor], Tensor],
        rate: float,
        iterations: int,
        patience: int,
    ) -> Tensor:
        """Minimise ‖residual(v)‖² by AdamW from v, (B, …); each row until it stops."""
        adam, seen = Adam(rate), list[Tensor]()
        entries = problem.signal_operator.where_measured(problem.y).flatten(1).sum(1).clamp(min=1)
        going = torch.ones_like(entries, dtype=torch.bool)
        for step in range(iterations):
            with torch.enable_grad():
                v = v.detach().requires_grad_()
                mean = residual(v).square().flatten(1).sum(1) / entries
                (gradient,) = torch.autograd.grad(mean.sum(), v)
            seen.append(mean.detach())
            going = going & (seen[-1] >= self.tolerance)
            if step >= patience:
                going = going & (seen[-1] <= seen[step - patience])
            if not bool(going.any()):
                break
            kept = going.view(-1, *[1] * (v.ndim - 1))
            v = torch.where(kept, (1 - rate * _DECAY) * v - adam.step(gradient), v)
        return v.detach()
