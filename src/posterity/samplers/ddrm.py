r"""DDRM: denoising diffusion restoration in the operator's singular basis (Kawar et al. 2022, Sec. 4).

Everything happens at the noise level :math:`\sigma_t = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t}` of
:math:`x_t/\sqrt{\bar\alpha_t}` and in coordinates :math:`\bar x = V^T x_t/\sqrt{\bar\alpha_t}`,
:math:`\bar y = \Sigma^+ U^T y`. A coordinate that the operator does not see is denoised as in DDIM;
one whose measurement is noisier than the next level drifts towards it; a cleaner one is set to it.

Deviations of public code that are not copied: the start treats √(1-ᾱ_T) as 1, and the pseudo-inverse
divides by singular values that are 0. The last step does not project, as published: noiseless
results are only nearly consistent unless ``final_projection`` is set.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from torch import Tensor, where

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import predicted_noise, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["DDRM"]

_Measured = tuple[Tensor, Tensor, Tensor]
"""What the measurement says, the same in all steps: see ``DDRM._measured``."""


@settings
class DDRM(Sampler):
    """Denoising diffusion restoration model.

    The noise is split as (η, √(1-η²)) of the full σ_s, unlike DDIM's η. Guidance moves only the
    coordinates without measurement: the others keep the prior's own prediction.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations")] = 20
    eta: Annotated[float, Field(ge=0, le=1, description="share of fresh noise in σ_s")] = 0.85
    eta_b: Annotated[float, Field(ge=0, le=1, description="weight of a measurement cleaner than σ_s")] = 1.0
    final_projection: Annotated[bool, Field(description="end on A x = y when σ_y = 0; not in the source")] = False

    needs = frozenset({"svd"})
    follows = True

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        total = len(problem.prior.schedule)
        walk = transitions([*reversed(problem.prior.schedule.grid(self.steps, "strided")), -1])
        measured = self._measured(problem)
        if start is None:
            x_t = self._init(problem, noise, walk[0][0], measured)
        else:
            walk, x_t = [(t, s) for t, s in walk if t <= start[0]], start[1]
        for step, (t, s) in enumerate(walk):
            x0 = problem.denoise(x_t, t)
            free = problem.guided(guidance, x0, max(s, 0) / total)
            z = noise.normal("step", step, problem.shape)
            x_t = math.sqrt(problem.alpha_bar(s)) * self._step(problem, (t, s), measured, x_t, x0, free, z)
            if watch is not None:
                watch(step, len(walk), free)
        if self.final_projection and problem.sigma_y == 0:
            svd, (seen, y_bar, _) = problem.operator.svd, measured
            x_t = svd.V(where(seen, y_bar, svd.Vt(x_t)))
        return x_t

    def _init(self, problem: Problem, noise: Noise, t: int, measured: _Measured) -> Tensor:
        """x_T: around the measurement where it is cleaner than σ_T, pure noise elsewhere."""
        svd, sigma = problem.operator.svd, problem.prior.schedule.sigma_ve(t)
        z = svd.Vt(noise.normal("init", 0, problem.shape))
        seen, y_bar, sigma_bar = measured
        topped_up = y_bar + (sigma**2 - sigma_bar**2).clamp(min=0).sqrt() * z
        return math.sqrt(problem.alpha_bar(t)) * svd.V(where(seen & (sigma_bar < sigma), topped_up, sigma * z))

    def _step(
        self, problem: Problem, times: tuple[int, int], measured: _Measured, x_t: Tensor, x0: Tensor, free: Tensor,
        z: Tensor,
    ) -> Tensor:  # fmt: skip
        """x_s/√ᾱ_s from x_t, its prediction x0, the guided one ``free``, and fresh noise z."""
        svd, (t, s) = problem.operator.svd, times
        sigma, root = problem.prior.schedule.sigma_ve(s), math.sqrt(1 - self.eta**2)
        guided = free is not x0
        x_t, x0, z = svd.Vt(x_t), svd.Vt(x0), svd.Vt(z)
        free = svd.Vt(free) if guided else x0
        eps = predicted_noise(x_t, free, problem.alpha_bar(t))
        seen, y_bar, sigma_bar = measured
        noisier, cleaner = seen & (sigma_bar > sigma), seen & (sigma_bar < sigma)
        unseen = weighted((1.0, free), (root * sigma, eps))
        # (Uᵀy - s x0)/σ_y = (ȳ - x0)/σ̄; without noise in y this case never arises.
        drift = (y_bar - x0) / sigma_bar.where(sigma_bar > 0, sigma_bar.new_ones(()))
        drifting = x0 + root * sigma * drift
        replaced = weighted((1 - self.eta_b, x0), (self.eta_b, y_bar))
        rest = (sigma**2 - (self.eta_b * sigma_bar) ** 2).clamp(min=0).sqrt()
        mean = where(noisier, drifting, where(cleaner, replaced, unseen))
        return svd.V(mean + where(cleaner, rest, self.eta * sigma) * z)

    @staticmethod
    def _measured(problem: Problem) -> _Measured:
        """(s_i > 0, ȳ = Σ⁺Uᵀy, its noise level σ_y/s_i), spectral; the last two mean nothing where s_i = 0."""
        svd = problem.operator.svd
        singulars = svd.singulars.to(problem.y)
        seen = singulars > 0
        safe = singulars.where(seen, singulars.new_ones(()))
        return seen, svd.Ut(problem.y) / safe, problem.sigma_y / safe
