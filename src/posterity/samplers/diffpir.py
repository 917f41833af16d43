r"""DiffPIR: half-quadratic splitting with the denoiser as the prior step (Zhu et al. 2023, Alg. 1).

The data step replaces each clean prediction by

.. math:: \hat x_0' = \arg\min_x \|y - Ax\|^2 + \rho_t\|x - \hat x_0\|^2,
          \qquad \rho_t = \lambda\,\sigma_n^2/(\sigma_t^{VE})^2,

solved per singular direction. It is renoised with the eps that belongs to it, a share ζ of which is fresh.

The source measures σ_n for signals in [0, 1] (σ_n = max(0.001, σ_y/2) here, and σ_y for signals without
bounds) but σ_t for signals in [-1, 1]. Its λ is kept, so that published values apply: the Bayesian weight is
λ = 4, which is also MGPS's "λ = 1". The source's last evaluation is not made, since it discards the
prediction: a run takes ``steps`` - 1 evaluations and ends at level 0 (noise 0.01). With ``paste``, noiseless
known pixels are pasted at the end; the published pictures were saved before that. The run starts from A⁺y,
where the source upscales y bicubically.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import predicted_noise, renoise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["DiffPIR"]


@settings
class DiffPIR(Sampler):
    """Denoising diffusion plug-and-play image restoration.

    Published: λ = 1 and ζ = 1 with 20 steps (inpainting), 0.25 with 100 (super-resolution), 0.1 (deblurring).
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="levels, dense at low noise; one evaluation fewer")] = 100
    strength: Annotated[float, Field(gt=0, description="λ, weight of the prior in the source's units")] = 1.0
    zeta: Annotated[float, Field(ge=0, le=1, description="share ζ of fresh noise, in variance")] = 0.25
    clamp: Annotated[bool, Field(description="clip clean predictions to [-1, 1]")] = True
    paste: Annotated[bool, Field(description="paste the known pixels of a noiseless measurement at the end")] = True

    needs = frozenset({"svd", "pinv"})
    follows = True
    quick = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        return [schedule.level(t) for t in _quadratic(self.steps, len(schedule))]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        operator, noisiest = problem.operator, self.times(problem.schedule)[0]
        around = noisiest.signal * operator.pinv(problem.y)
        x_t = problem.begin(noise, lambda z: around + noisiest.noise * z)
        for step, (t, s) in problem.steps(self):
            # predict
            x0 = problem.clip(problem.predict(x_t, t).x0, self.clamp)
            x0 = problem.clip(problem.guided(x0, t), self.clamp)
            # data step: solve the proximal problem
            x0 = self._fit(problem, x0, self._rho(problem, t))
            # renoise
            eps, z = predicted_noise(x_t, x0, t), noise.normal("step", step)
            kept, fresh = s.noise * math.sqrt(1 - self.zeta), s.noise * math.sqrt(self.zeta)
            x_t = renoise(s, x0, (kept, eps), (fresh, z))
        if self.paste and "mask" in operator.has and problem.sigma_y == 0:
            known = operator.where_measured(problem.y)
            x_t = known * problem.y + (1 - known) * x_t
        return x_t

    def _rho(self, problem: Problem, t: Level) -> float:
        """Return ρ_t, the weight of the clean prediction against the data; σ_n = σ_y for signals without bounds."""
        sigma_n = problem.sigma_y / (1 if problem.prior.bounds is None else 2)
        return self.strength * (max(0.001, sigma_n) / t.sigma) ** 2

    @staticmethod
    def _fit(problem: Problem, x0: Tensor, rho: float) -> Tensor:
        """Return argmin_x ‖y - A x‖² + ρ‖x - x0‖², (B, *signal); null-space directions stay as in x0."""
        svd = problem.operator.svd
        s, c = svd.singulars.to(x0), svd.Vt(x0)
        return svd.V(c + s * (svd.Ut(problem.y) - s * c) / (s**2 + rho))


def _quadratic(count: int, total: int) -> list[int]:
    """Return times from total - 1 down to 0, dense at low noise; neighbours may be equal."""
    indices = [int(math.sqrt(k / (count - 1)) * total) for k in range(count)]
    return [total - 1 - min(q, total - 1) for q in indices]
