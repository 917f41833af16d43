r"""ΠGDM: pseudo-inverse-guided diffusion (Song et al. 2023, Alg. 1), in the SVD form with measurement noise.

With p(x0 | x_t) ≈ N(x̂0, r² I), r² = 1 - ᾱ_t, the likelihood score is one vector-Jacobian product of a
residual that is weighted per singular direction,

.. math:: g = J^T V\,\frac{s\,(U^T y - s V^T\hat x_0)}{s^2 + \sigma_y^2/r^2},

and :math:`w_t\,g` is added to a DDIM step to s. ``weight`` selects w_t: √ᾱ_t in the paper, √(ᾱ_t ᾱ_s)
in the official code and in MGPS's comparison. ``exact`` is the weight that follows from replacing x̂0 by
E[x0 | x_t, y] in the step, which is correct for the prior N(0, I). The other two overfit y, and more so
with more steps.

Not copied: the official code leaves σ_y out of g. Its option ``awd: false``, the weight of ``exact`` times
ᾱ_t, is not offered.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import ddim_noise_split, predicted_noise, renoise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["PGDM"]


@settings
class PGDM(Sampler):
    """Pseudo-inverse-guided diffusion model.

    The diversity push enters the step and the residual; the gradient treats it as a constant.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations, each with its gradient")] = 100
    eta: Annotated[float, Field(ge=0, le=1, description="DDIM's η: 0 deterministic, 1 ancestral")] = 1.0
    weight: Annotated[
        Literal["paper", "code", "exact"], Field(description="w_t of the guidance: √ᾱ_t, √(ᾱ_t ᾱ_s), or consistent")
    ] = "code"
    init: Annotated[
        Literal["measurement", "noise"], Field(description="x_T around √ᾱ_T A⁺y, or pure noise as in MGPS's comparison")
    ] = "measurement"

    needs = frozenset({"svd", "pinv"})
    follows = True
    quick = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "strided"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        noisiest = self.times(problem.schedule)[0]
        x_t = problem.begin(noise, lambda z: self._first(problem, noisiest, z))
        for step, (t, s) in problem.steps(self):
            # predict, and the guidance g
            network, x0, gradient = self._predict(problem, x_t, t)
            eps = predicted_noise(x_t, network, t)
            # DDIM step
            fresh, kept = ddim_noise_split(t, s, self.eta)
            x_s = renoise(s, x0, (kept, eps))
            if fresh > 0:
                x_s.add_(noise.normal("step", step), alpha=fresh)
            # guide
            x_t = x_s.add_(gradient, alpha=self._weight(t, s, kept))
        return x_t

    def _first(self, problem: Problem, t: Level, z: Tensor) -> Tensor:
        """Return x_T, (B, *signal): around the measurement, or pure noise."""
        if self.init == "noise":
            return z
        return t.signal * problem.operator.pinv(problem.y) + t.noise * z

    def _predict(self, problem: Problem, x_t: Tensor, t: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Return (the network's clean prediction, the guided one, g = r² ∇ log p(y | x_t)), each (B, *signal)."""
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            network = problem.predict(x_t, t).x0
            x0 = problem.guided(network.detach(), t)
            (gradient,) = torch.autograd.grad(network, x_t, self._residual(problem, x0, 1 - t.alpha_bar))
        return network.detach(), x0, gradient

    @staticmethod
    def _residual(problem: Problem, x0: Tensor, r2: float) -> Tensor:
        """Return r² Aᵀ (r² A Aᵀ + σ_y² I)⁻¹ (y - A x0), (B, *signal)."""
        svd = problem.operator.svd
        s = svd.singulars.to(x0)
        seen = s > 0
        safe = s.where(seen, s.new_ones(()))
        gain = (safe / (safe**2 + problem.sigma_y**2 / r2)).where(seen, s.new_zeros(()))
        return svd.V(gain * (svd.Ut(problem.y) - s * svd.Vt(x0)))

    def _weight(self, t: Level, s: Level, kept: float) -> float:
        """Return w_t of the step from t to s."""
        if self.weight == "paper":
            return t.signal
        if self.weight == "code":
            return t.signal * s.signal
        return s.signal / t.signal - kept / t.noise
