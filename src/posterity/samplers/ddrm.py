r"""DDRM: denoising diffusion restoration in the operator's singular basis (Kawar et al. 2022, Sec. 4).

Steps are taken on the variance-exploding state :math:`x_t/\sqrt{\bar\alpha_t}`, whose noise level is
:math:`\sigma_t = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t}`, in the coordinates
:math:`\bar x = V^T x_t/\sqrt{\bar\alpha_t}` and :math:`\bar y = \Sigma^+ U^T y`. Coordinates in the null
space are denoised as in DDIM; those measured with more noise than σ_s drift towards the measurement;
those measured with less are set to it.

Not copied from the public code: √(1-ᾱ_T) taken as 1 at the start, and a pseudo-inverse that divides by
zero singular values. As published, the last step does not project, so noiseless results are only nearly
consistent unless ``final_projection`` is set.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, where

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import predicted_noise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["DDRM"]


class _Measured(NamedTuple):
    """The measurement in the singular basis, computed once; all (B, *signal) or broadcastable to it."""

    seen: Tensor
    """s_i > 0; the other fields are meaningless elsewhere."""
    y_bar: Tensor
    """ȳ = Σ⁺Uᵀy"""
    sigma_bar: Tensor
    """Its noise level σ_y/s_i."""

    @classmethod
    def of(cls, problem: Problem) -> _Measured:
        svd = problem.operator.svd
        singulars = svd.singulars.to(problem.y)
        seen = singulars > 0
        safe = singulars.where(seen, singulars.new_ones(()))
        return cls(seen, svd.Ut(problem.y) / safe, problem.sigma_y / safe)


@settings
class DDRM(Sampler):
    """Denoising diffusion restoration model.

    Unlike DDIM's η, the full σ_s is split as (η, √(1-η²)) into fresh noise and eps. Guidance moves only
    the unmeasured coordinates; the others use the prior's own prediction.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations")] = 20
    eta: Annotated[float, Field(ge=0, le=1, description="share of fresh noise in σ_s")] = 0.85
    eta_b: Annotated[float, Field(ge=0, le=1, description="weight of a measurement cleaner than σ_s")] = 1.0
    final_projection: Annotated[bool, Field(description="end on A x = y when σ_y = 0; not in the source")] = False

    needs = frozenset({"svd"})
    follows = True

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "strided"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        svd, measured = problem.operator.svd, _Measured.of(problem)
        noisiest = self.times(problem.schedule)[0]
        x_t = problem.begin(noise, lambda z: self._first(problem, measured, noisiest, z))
        for step, (t, s) in problem.steps(self):
            # predict; guidance moves the unmeasured coordinates
            x0 = problem.predict(x_t, t).x0
            free = problem.guided(x0, s)
            # step in the singular basis
            z = noise.normal("step", step)
            x_t = s.signal * self._step(problem, (t, s), measured, x_t, x0, free, z)
        if self.final_projection and problem.sigma_y == 0:
            x_t = svd.V(where(measured.seen, measured.y_bar, svd.Vt(x_t)))
        return x_t

    @staticmethod
    def _first(problem: Problem, measured: _Measured, t: Level, z: Tensor) -> Tensor:
        """Return x_T, (B, *signal): around the measurement where it is cleaner than σ_T, pure noise elsewhere."""
        svd, (seen, y_bar, sigma_bar) = problem.operator.svd, measured
        z = svd.Vt(z)
        topped_up = y_bar + (t.sigma**2 - sigma_bar**2).clamp(min=0).sqrt() * z
        return t.signal * svd.V(where(seen & (sigma_bar < t.sigma), topped_up, t.sigma * z))

    def _step(
        self, problem: Problem, levels: tuple[Level, Level], measured: _Measured, x_t: Tensor, x0: Tensor,
        free: Tensor, z: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return x_s/√ᾱ_s from x_t, its prediction x0, the guided one ``free``, and fresh noise z; all (B, *signal)."""
        svd, (t, s), (seen, y_bar, sigma_bar) = problem.operator.svd, levels, measured
        root, guided = math.sqrt(1 - self.eta**2), free is not x0
        x_t, x0, z = svd.Vt(x_t), svd.Vt(x0), svd.Vt(z)
        free = svd.Vt(free) if guided else x0
        noisier, cleaner = seen & (sigma_bar > s.sigma), seen & (sigma_bar < s.sigma)
        # not measured: DDIM
        unseen = predicted_noise(x_t, free, t).mul_(root * s.sigma).add_(free)
        # measured with more noise than σ_s: drift towards ȳ; (Uᵀy - s x0)/σ_y = (ȳ - x0)/σ̄
        drift = (y_bar - x0) / sigma_bar.where(sigma_bar > 0, sigma_bar.new_ones(()))
        drifting = x0 + root * s.sigma * drift
        # measured with less noise than σ_s: set to ȳ
        replaced = x0.lerp(y_bar, self.eta_b)
        rest = (s.sigma**2 - (self.eta_b * sigma_bar) ** 2).clamp(min=0).sqrt()
        mean = where(noisier, drifting, where(cleaner, replaced, unseen))
        return svd.V(mean + where(cleaner, rest, self.eta * s.sigma) * z)
