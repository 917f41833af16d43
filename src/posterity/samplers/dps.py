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

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep
from posterity.samplers.base import Problem, Sampler, settings

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

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "spaced"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        x_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict x̂0, and how ‖y - A x̂0‖ changes with x_t
            x0, share, gradient = self._predict(problem, x_t, t)
            # ancestral step
            move = PosteriorStep.between(t, s)
            x_s = move.mean(x0, x_t)
            if s != CLEAN:
                x_s = x_s + move.std(share) * noise.normal("step", step)
            # pull towards the measurement
            x_t = x_s.sub_(gradient, alpha=self.scale)
        return x_t

    def _predict(self, problem: Problem, x_t: Tensor, t: Level) -> tuple[Tensor, Tensor | None, Tensor]:
        """(guided x0, share of a learned variance, gradient in x_t of the rows' residual norms), all detached."""
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            network = problem.predict(x_t, t)
            x0 = problem.clip(network.x0, self.clamp)
            guided = problem.guided(x0, t)
            if guided is not x0:  # a second clipping of the same prediction would only cost its gradient again
                guided = x0 + (guided - x0).detach() if self.detach_guidance else guided
                guided = problem.clip(guided, self.clamp)
            residual = problem.residual(guided)
            (gradient,) = torch.autograd.grad(residual, x_t, self._direction(residual.detach()))
        return guided.detach(), network.share, gradient

    @staticmethod
    def _direction(residual: Tensor) -> Tensor:
        """Gradient of each row's norm, (B, *measurement): a unit vector, 0 where the residual vanishes."""
        norms = torch.linalg.vector_norm(residual.flatten(1), dim=1)
        return residual / norms.clamp(min=torch.finfo(norms.dtype).tiny).view(-1, *[1] * (residual.ndim - 1))
