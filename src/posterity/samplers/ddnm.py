r"""DDNM and DDNM+: null-space projection of the clean prediction (Wang, Yu and Zhang 2023).

At every step the range-space part of the clean prediction is replaced by the measurement,
:math:`\hat x_0' = \hat x_0 - A^+(A\hat x_0 - y)`, which leaves :math:`A x = y` exact when σ_y = 0.
With noise the correction is scaled by λ per singular direction, so that it never injects more
measurement noise than the step itself adds (Sec. 3.3, Eq. 17-19, in the SVD form of the official code).

Not copied from the public code: ᾱ used for √ᾱ in the operator-only variant, the quotient σ_t/a_t·σ_y
written as a product in its high-resolution variant, and, in noisy super-resolution, V·diag applied to
ε without Vᵀ before it, which moves results by 0.4 to 0.9 of the range.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor, where

from posterity.diffusion.grids import travelled
from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import predicted_noise, renoise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["DDNM"]


@settings
class DDNM(Sampler):
    """Denoising diffusion null-space model.

    Unlike DDIM's η, the noise of a step splits the full √(1-ᾱ_s) as (η, √(1-η²)) into fresh noise and
    eps. eps is the network's own, not recomputed from the projected prediction.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations without time travel")] = 100
    eta: Annotated[float, Field(ge=0, le=1, description="share of fresh noise in √(1-ᾱ_s)")] = 0.85
    travel_length: Annotated[int, Field(ge=1, description="levels that time travel goes back up")] = 1
    travel_repeat: Annotated[int, Field(ge=1, description="passes over each stretch; 1 is no travel")] = 1

    needs = frozenset({"svd", "pinv"})
    follows = True
    quick = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        levels = [*schedule.grid(self.steps, "strided"), CLEAN]
        return travelled(levels, self.travel_length, self.travel_repeat)

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        x_t = x0 = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # time travel: renoise the last clean prediction
            if s.noise > t.noise:
                x_t = renoise(s, x0, (s.noise, noise.normal("travel", step)))
                continue
            # predict
            network = problem.predict(x_t, t).x0
            eps = predicted_noise(x_t, network, t)
            x0 = problem.guided(network, s)
            # project onto {x: A x = y}, renoise
            x_t = self._step(problem, noise, step, s, x0, eps)
        return x_t

    def _step(self, problem: Problem, noise: Noise, step: int, s: Level, x0: Tensor, eps: Tensor) -> Tensor:
        """Return x_s from the clean prediction and the network's eps, all (B, *signal)."""
        operator, svd = problem.operator, problem.operator.svd
        residual = operator.pinv(operator(x0) - problem.y)
        if problem.sigma_y == 0:
            x0 = x0 - residual
            if s == CLEAN:
                return x0
            z = noise.normal("step", step)
            return renoise(s, x0, (s.noise * self.eta, z), (s.noise * math.sqrt(1 - self.eta**2), eps))
        weight, fresh, kept = self._spectral_weights(svd.singulars.to(x0), problem.sigma_y, s)
        x0 = x0 - svd.V(weight * svd.Vt(residual))
        if s == CLEAN:
            return x0
        z = noise.normal("step", step)
        return s.signal * x0 + svd.V(fresh * svd.Vt(z) + kept * svd.Vt(eps))

    def _spectral_weights(self, singulars: Tensor, sigma_y: float, s: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Return (λ of the correction, weight of fresh noise, weight of eps) per singular value (Eq. 19)."""
        zero, one = singulars.new_zeros(()), singulars.new_ones(())
        seen = singulars > 0
        injected = s.signal * sigma_y / singulars.where(seen, one)
        noisier = seen & (injected > s.noise)
        cleaner = seen & ~noisier
        root = math.sqrt(1 - self.eta**2)
        weight = where(noisier, s.noise * root / injected.clamp(min=1e-300), one)
        fresh = where(
            cleaner, (s.noise**2 - injected**2).clamp(min=0).sqrt(), singulars.new_full((), s.noise * self.eta)
        )
        kept = where(seen, zero, singulars.new_full((), s.noise * root))
        return weight, fresh, kept
