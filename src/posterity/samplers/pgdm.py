r"""ΠGDM: pseudo-inverse-guided diffusion (Song et al. 2023, Alg. 1), in the SVD form with measurement noise.

With p(x0 | x_t) taken for N(x̂0, r² I), r² = 1 - ᾱ_t, the likelihood's score is one
vector-Jacobian product of a residual that is weighted per singular direction,

.. math:: g = J^T V\,\frac{s\,(U^T y - s V^T\hat x_0)}{s^2 + \sigma_y^2/r^2},

and a DDIM step to s gets :math:`w_t\,g` on top. ``weight`` says which w_t: √ᾱ_t in the paper,
√(ᾱ_t ᾱ_s) in the official code and in MGPS's comparison, and under ``exact`` the one that follows
when E[x0 | x_t, y] stands for x̂0 in the step, which is right for the prior N(0, I); the other two
over-fit y the more steps there are.

The official code leaves σ_y out of g, which is not copied.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import ddim_noise_split, predicted_noise, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["PGDM"]


@settings
class PGDM(Sampler):
    """Pseudo-inverse-guided diffusion model.

    The diversity push enters the step and the residual, and counts as a constant in the gradient.
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

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        total = len(problem.prior.schedule)
        walk = transitions([*reversed(problem.prior.schedule.grid(self.steps, "strided")), -1])
        if start is None:
            x_t = self._init(problem, noise, walk[0][0])
        else:
            walk, x_t = [(t, s) for t, s in walk if t <= start[0]], start[1]
        for step, (t, s) in enumerate(walk):
            a_t, a_s = problem.alpha_bar(t), problem.alpha_bar(s)
            network, x0, gradient = self._predict(problem, guidance, x_t, t, t / total)
            fresh, kept = ddim_noise_split(a_t, a_s, self.eta)
            eps = predicted_noise(x_t, network, a_t)
            x_t = weighted((math.sqrt(a_s), x0), (kept, eps), (self._weight(a_t, a_s, kept), gradient))
            if fresh > 0:
                x_t = x_t.add_(noise.normal("step", step, problem.shape), alpha=fresh)
            if watch is not None:
                watch(step, len(walk), x0)
        return x_t

    def _init(self, problem: Problem, noise: Noise, t: int) -> Tensor:
        z = noise.normal("init", 0, problem.shape)
        if self.init == "noise":
            return z
        a_t = problem.alpha_bar(t)
        return math.sqrt(a_t) * problem.operator.pinv(problem.y) + math.sqrt(1 - a_t) * z

    def _predict(
        self, problem: Problem, guidance: Guidance | None, x_t: Tensor, t: int, fraction: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(the network's clean prediction, the guided one, g = r² ∇ log p(y | x_t))."""
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            network = problem.denoise(x_t, t)
            x0 = problem.guided(guidance, network.detach(), fraction)
            (gradient,) = torch.autograd.grad(network, x_t, self._residual(problem, x0, 1 - problem.alpha_bar(t)))
        return network.detach(), x0, gradient

    @staticmethod
    def _residual(problem: Problem, x0: Tensor, r2: float) -> Tensor:
        """r² Aᵀ (r² A Aᵀ + σ_y² I)⁻¹ (y - A x0), (B, *signal)."""
        svd = problem.operator.svd
        s = svd.singulars.to(x0)
        seen = s > 0
        safe = s.where(seen, s.new_ones(()))
        gain = (safe / (safe**2 + problem.sigma_y**2 / r2)).where(seen, s.new_zeros(()))
        return svd.V(gain * (svd.Ut(problem.y) - s * svd.Vt(x0)))

    def _weight(self, a_t: float, a_s: float, kept: float) -> float:
        """w_t."""
        if self.weight == "paper":
            return math.sqrt(a_t)
        if self.weight == "code":
            return math.sqrt(a_t * a_s)
        return math.sqrt(a_s / a_t) - kept / math.sqrt(1 - a_t)
