r"""DPS: diffusion posterior sampling by a gradient through the denoiser (Chung et al. 2023, Alg. 1).

Each ancestral step is followed by the guidance step
:math:`x_s \leftarrow x_s - \zeta\,\nabla_{x_t}\|y - A\hat x_0(x_t)\|_2`.
``scale`` = ζ multiplies the gradient of the *norm*, as in the official code. On the paper's ∇‖r‖²
with ζ'/‖r‖ it is ζ = 2ζ'; third-party code that writes γ∇‖r‖²/‖r‖ has ζ = 2γ.

Not copied from the public code: one norm over the whole batch, which couples samples and shrinks
their steps (here one norm per row), and a residual on masked pixels, which is pure noise and shrinks
the step too (here measured entries only).
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

    The gradient also flows through the diversity guidance and into the neighbour's prediction, which
    couples guided samples of one item; ``detach_guidance`` treats the push as a constant instead.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations; fewer than T respaces")] = 1000
    scale: Annotated[float, Field(ge=0, description="ζ, step along the gradient of ‖y - A x0‖₂")] = 1.0
    clamp: Annotated[bool, Field(description="clip clean predictions to [-1, 1]")] = True
    detach_guidance: Annotated[bool, Field(description="no gradient through the diversity push")] = False

    follows = True
    quick = MappingProxyType({"steps": 50})
    standard = MappingProxyType({"steps": 300})

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "spaced"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        x_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict x̂0 and the gradient of ‖y - A x̂0‖ in x_t
            x0, share, gradient = self._predict(problem, x_t, t)
            # ancestral step
            move = PosteriorStep.between(t, s)
            x_s = move.mean(x0, x_t)
            if s != CLEAN:
                x_s = x_s + move.std(share) * noise.normal("step", step)
            # guidance step
            x_t = x_s.sub_(gradient, alpha=self.scale)
        return x_t

    def _predict(self, problem: Problem, x_t: Tensor, t: Level) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return (guided x0, learned variance fraction, gradient in x_t of each row's residual norm), detached.

        x0 and gradient are (B, *state); the variance fraction is None where the network learns no variance.
        """
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            network = problem.predict(x_t, t)
            x0 = problem.clip(network.x0, self.clamp)
            guided = problem.guided(x0, t)
            if guided is not x0:  # clipping the same prediction twice would only cost another gradient
                guided = x0 + (guided - x0).detach() if self.detach_guidance else guided
                guided = problem.clip(guided, self.clamp)
            residual = problem.residual(guided)
            (gradient,) = torch.autograd.grad(residual, x_t, self._direction(residual.detach()))
        return guided.detach(), network.share, gradient

    @staticmethod
    def _direction(residual: Tensor) -> Tensor:
        """Return the gradient of each row's norm, (B, *measurement): a unit vector, 0 where the residual vanishes."""
        norms = torch.linalg.vector_norm(residual.flatten(1), dim=1)
        return residual / norms.clamp(min=torch.finfo(norms.dtype).tiny).view(-1, *[1] * (residual.ndim - 1))
