r"""DDNM and DDNM+: null-space projection of the clean prediction (Wang, Yu and Zhang 2023).

At every step the range-space part of the clean prediction is replaced by the measurement,
:math:`\hat x_0' = \hat x_0 - A^+(A\hat x_0 - y)`, which leaves :math:`A x = y` exact when σ_y = 0.
With noise the correction is scaled by λ per singular direction so that the injected measurement
noise never exceeds the step's own (Sec. 3.3, Eq. 17-19, in the SVD form of the official code).

Deviations of public code that are not copied: ᾱ used for √ᾱ in the operator-only variant, and the
quotient σ_t/a_t·σ_y written as a product in its high-resolution variant.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor, where

from posterity.diffusion.grids import time_travel, transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import predicted_noise, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["DDNM"]


@settings
class DDNM(Sampler):
    """Denoising diffusion null-space model.

    The noise of a step is split as (η, √(1-η²)) of the full √(1-ᾱ_s), unlike DDIM's η, and eps is
    the network's own, not recomputed from the projected prediction.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations without time travel")] = 100
    eta: Annotated[float, Field(ge=0, le=1, description="share of fresh noise in √(1-ᾱ_s)")] = 0.85
    travel_length: Annotated[int, Field(ge=1, description="indices that a time travel goes up")] = 1
    travel_repeat: Annotated[int, Field(ge=1, description="passes over each stretch; 1 is no travel")] = 1

    needs = frozenset({"svd", "pinv"})
    follows = True
    quick = MappingProxyType({"steps": 50})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        grid = problem.prior.schedule.grid(self.steps, "strided")
        walk = transitions(time_travel(self.steps, self.travel_length, self.travel_repeat))
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk = walk[next(i for i, (now, _) in enumerate(walk) if grid[now] <= start[0]) :]
            x_t = start[1]
        x0 = x_t
        for step, (now, nxt) in enumerate(walk):
            t, s = grid[now], -1 if nxt == -1 else grid[nxt]
            if nxt > now:
                x_t = self._travel(problem, noise, step, s, x0)
                continue
            x0 = problem.denoise(x_t, t)
            eps = predicted_noise(x_t, x0, problem.alpha_bar(t))
            x0 = problem.guided(guidance, x0, max(s, 0) / len(problem.prior.schedule))
            x_t = self._step(problem, noise, step, s, x0, eps)
            if watch is not None:
                watch(step, len(walk), x0)
        return x_t

    def _step(self, problem: Problem, noise: Noise, step: int, s: int, x0: Tensor, eps: Tensor) -> Tensor:
        """Project x0 on the measurement, then renoise to s."""
        a_s = problem.alpha_bar(s)
        operator, svd = problem.operator, problem.operator.svd
        residual = operator.pinv(operator(x0) - problem.y)
        if problem.sigma_y == 0:
            x0 = x0 - residual
            if s == -1:
                return x0
            z = noise.normal("step", step, problem.shape)
            spread = math.sqrt(1 - a_s)
            return weighted((math.sqrt(a_s), x0), (spread * self.eta, z), (spread * math.sqrt(1 - self.eta**2), eps))
        weight, fresh, kept = self._spectral_weights(svd.singulars.to(x0), problem.sigma_y, a_s)
        x0 = x0 - svd.V(weight * svd.Vt(residual))
        if s == -1:
            return x0
        z = noise.normal("step", step, problem.shape)
        return math.sqrt(a_s) * x0 + svd.V(fresh * svd.Vt(z) + kept * svd.Vt(eps))

    def _spectral_weights(self, s: Tensor, sigma_y: float, a_s: float) -> tuple[Tensor, Tensor, Tensor]:
        """(λ of the correction, weight of fresh noise, weight of eps) per singular value (Eq. 19)."""
        a, sigma = math.sqrt(a_s), math.sqrt(1 - a_s)
        seen = s > 0
        injected = a * sigma_y / s.where(seen, s.new_ones(()))
        noisier = seen & (injected > sigma)
        cleaner = seen & ~noisier
        root = math.sqrt(1 - self.eta**2)
        weight = where(noisier, sigma * root / injected.clamp(min=1e-300), s.new_ones(()))
        fresh = where(cleaner, (sigma**2 - injected**2).clamp(min=0).sqrt(), s.new_full((), sigma * self.eta))
        kept = where(seen, s.new_zeros(()), s.new_full((), sigma * root))
        return weight, fresh, kept

    def _travel(self, problem: Problem, noise: Noise, step: int, s: int, x0: Tensor) -> Tensor:
        """Back up to the larger time s from the last clean prediction."""
        a_s = problem.alpha_bar(s)
        return weighted((math.sqrt(a_s), x0), (math.sqrt(1 - a_s), noise.normal("travel", step, problem.shape)))
