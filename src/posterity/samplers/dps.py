r"""DPS: diffusion posterior sampling by a gradient through the denoiser (Chung et al. 2023, Alg. 1).

An ancestral step followed by :math:`x_s \leftarrow x_s - \zeta\,\nabla_{x_t}\|y - A\hat x_0(x_t)\|_2`.
``scale`` = ζ multiplies the gradient of the *norm*, as in the official code. On the paper's ∇‖r‖²
with ζ'/‖r‖ it is ζ = 2ζ'; third-party code that writes γ∇‖r‖²/‖r‖ has ζ = 2γ.

Deviations of public code that are not copied: one norm over the whole batch, which couples samples
and shrinks their steps (here one norm a row), and a residual on masked pixels, which is pure noise
and shrinks the step too (here measured entries alone).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import PosteriorStep, cut, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["DPS"]


@settings
class DPS(Sampler):
    """Diffusion posterior sampling; the operator need only be differentiable.

    The gradient runs through the guidance as well, also into the neighbour's prediction, so guided
    samples of one item are coupled; ``detach_guidance`` makes the push a constant instead.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations; fewer than T respaces")] = 1000
    scale: Annotated[float, Field(ge=0, description="ζ, step along the gradient of ‖y - A x0‖₂")] = 1.0
    clamp: Annotated[bool, Field(description="clean predictions are cut to [-1, 1]")] = True
    detach_guidance: Annotated[bool, Field(description="no gradient through the diversity push")] = False

    follows = True
    quick = MappingProxyType({"steps": 50})
    standard = MappingProxyType({"steps": 300})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        total = len(problem.prior.schedule)
        walk = transitions([*reversed(problem.prior.schedule.grid(self.steps, "spaced")), -1])
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk, x_t = [(t, s) for t, s in walk if t <= start[0]], start[1]
        for step, (t, s) in enumerate(walk):
            x0, gradient = self._predict(problem, guidance, x_t, t, t / total)
            move = PosteriorStep.between(problem.alpha_bar(t), problem.alpha_bar(s))
            x_t = weighted((move.x0_weight, x0), (move.xt_weight, x_t), (-self.scale, gradient))
            if s != -1:
                variance = problem.prior.reverse_variance(t, move.beta, move.variance)
                x_t = x_t + variance**0.5 * noise.normal("step", step, problem.shape)
            if watch is not None:
                watch(step, len(walk), x0)
        return x_t

    def _predict(
        self, problem: Problem, guidance: Guidance | None, x_t: Tensor, t: int, fraction: float
    ) -> tuple[Tensor, Tensor]:
        """(guided clean prediction, gradient in x_t of the sum of the rows' residual norms), both detached."""
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            x0 = self._cut(problem.denoise(x_t, t))
            guided = problem.guided(guidance, x0, fraction)
            if guided is not x0:  # a second cut of the same prediction would only cost its gradient again
                guided = self._cut(x0 + (guided - x0).detach() if self.detach_guidance else guided)
            residual = problem.residual(guided)
            (gradient,) = torch.autograd.grad(residual, x_t, self._direction(residual.detach()))
        return guided.detach(), gradient

    @staticmethod
    def _direction(residual: Tensor) -> Tensor:
        """Gradient of each row's norm: a unit vector, 0 where the residual vanishes."""
        norms = torch.linalg.vector_norm(residual.flatten(1), dim=1)
        return residual / norms.clamp(min=torch.finfo(norms.dtype).tiny).view(-1, *[1] * (residual.ndim - 1))

    def _cut(self, x0: Tensor) -> Tensor:
        return cut(x0) if self.clamp else x0
