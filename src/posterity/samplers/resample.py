r"""ReSample: hard data consistency by optimisation, then stochastic resampling (Song et al. 2024, arXiv:2307.08123).

Steps are DDIM steps. At every tenth step, counted from the clean end, the clean prediction is replaced by
:math:`\hat z_0(y) = \arg\min_z \|y - A D(z)\|^2 + \lambda\|z - \hat z_0\|^2` (hard data consistency), and the next
state is drawn from the product of :math:`N(\sqrt{\bar\alpha}\,\hat z_0(y), 1 - \bar\alpha)` and
:math:`N(z', \omega^2)` (stochastic resampling). Here z' is the DDIM step's result and
:math:`\omega^2 = \omega\,(1-\bar\alpha^-)/\bar\alpha\;(1 - \bar\alpha/\bar\alpha^-)`, with ᾱ⁻ at the preceding time
of the full schedule. The noisiest quarter of the schedule is not optimised. Up to 0.3 T the variable is the state;
above, it is the signal, and the result is encoded. A row stops once its mean squared residual is σ_y² or less.

Grid and levels are the published ones: z' is at the next level while √ᾱ is at the current one, and the last step
leads to time 0, so the decoded state keeps a little noise.

``aliased``: in the public code the optimised variable shares its memory with ẑ0, so the λ term is always 0. The
published settings and tables were made this way; only stopping at σ_y² keeps z near ẑ0. With the paper's λ = 1 and a
sum of squares that is not divided by σ_y², the optimum's residual stays far above the noise. The default is therefore
the published computation; ``aliased: false`` is the printed formula.

Not copied from the public code: a stopping threshold that is four times larger on signals in [-1, 1], and masked
pixels in the residual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["ReSample"]

_CHAOTIC = 0.75
"""Above this fraction of the schedule, data consistency is not optimised."""
_REFINED = 0.3
"""Up to this fraction of the schedule the variable is the state, above it the signal."""


@settings
class ReSample(Sampler):
    """Latent sampling with data consistency by optimisation at some steps; no gradient through the network.

    Each iteration evaluates all rows; rows that have stopped keep their value.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations")] = 500
    stochasticity: Annotated[float, Field(ge=0, le=1, description="DDIM's η: share of the ancestral std")] = 1.0
    spread: Annotated[float, Field(ge=0, description="ω of the variance ω² of resampling; 0 keeps z'")] = 40.0
    every: Annotated[int, Field(ge=1, description="steps from one optimisation to the next")] = 10
    proximal: Annotated[float, Field(ge=0, description="λ, weight of ‖z - z0‖²; no effect if aliased")] = 1.0
    aliased: Annotated[bool, Field(description="the term with λ is 0, as in the public code")] = True
    iterations: Annotated[int, Field(ge=0, description="Adam iterations at most")] = 100
    rate: Annotated[float, Field(gt=0, description="Adam's step size, in the units of states or signals")] = 0.1

    needs = frozenset({"latent"})
    quick = MappingProxyType({"steps": 50, "iterations": 20})
    standard = MappingProxyType({"steps": 100})

    def times(self, schedule: Schedule) -> list[Level]:
        grid = schedule.grid(self.steps, "ddim")
        return [*grid, schedule.level(0) if grid[-1].t > 0 else CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        chosen = {*self.times(problem.schedule)[-2 :: -self.every]}
        z_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict
            z0 = problem.guided(problem.predict(z_t, t).x0, t)
            # DDIM step
            fresh, kept = ddim_noise_split(t, s, self.stochasticity)
            z_s = renoise(s, z0, (kept, predicted_noise(z_t, z0, t)), (fresh, noise.normal("step", step)))
            if t in chosen and t.fraction <= _CHAOTIC:
                # hard consistency
                z0 = self._consistent(problem, z0, t)
                # stochastic resampling
                weight, variance = self._product(problem.schedule, t)
                z_s = z_s + weight * (t.signal * z0 - z_s) + math.sqrt(variance) * noise.normal("resample", step)
            z_t = z_s
        return z_t

    def _product(self, schedule: Schedule, t: Level) -> tuple[float, float]:
        """Return (the weight w of √ᾱ ẑ0(y) in the mean, where z' has weight 1 - w; the variance)."""
        before = schedule.level(t.t - 1)
        own = self.spread * (1 - before.alpha_bar) / t.alpha_bar * (1 - t.alpha_bar / before.alpha_bar)
        weight = own / (own + 1 - t.alpha_bar)
        return weight, weight * (1 - t.alpha_bar)

    def _consistent(self, problem: Problem, z0: Tensor, t: Level) -> Tensor:
        if t.fraction <= _REFINED:
            return self._minimised(problem, z0, problem.residual)
        return problem.encode(self._minimised(problem, problem.decode(z0), problem.residual_of))

    def _minimised(self, problem: Problem, start: Tensor, residual: Callable[[Tensor], Tensor]) -> Tensor:
        """Minimise ‖residual(v)‖² + λ‖v - start‖² by Adam from ``start``, (B, …); each row stops at residual σ_y²."""
        v, adam = start, Adam(self.rate)
        pull = 0.0 if self.aliased else self.proximal
        entries = problem.signal_operator.where_measured(problem.y).flatten(1).sum(1).clamp(min=1)
        for _ in range(self.iterations):
            with torch.enable_grad():
                v = v.detach().requires_grad_()
                squares = residual(v).square().flatten(1).sum(1)
                going = squares.detach() / entries > problem.sigma_y**2
                if not bool(going.any()):
                    break
                (gradient,) = torch.autograd.grad(squares.sum() + pull * (v - start).square().sum(), v)
            kept = going.view(-1, *[1] * (v.ndim - 1))
            v = torch.where(kept, v - adam.step(gradient), v)
        return v.detach()
