r"""GML-DPS: latent DPS with a gluing term that keeps codes fixed under E∘D (Rout et al. 2023, arXiv:2307.00619).

Each ancestral step is followed by :math:`z_s \leftarrow z_s - \nabla_{z_t} L` with the loss
:math:`L = \eta\,\|y - A D(\hat z_0)\|_2 + \gamma\,\|\hat z_0 - E(D(\hat z_0))\|_2`.
``scale`` = η and ``gluing`` = γ multiply gradients of norms, as ``scale`` does in :mod:`posterity.samplers.dps`.
Where E inverts D the second term is 0, and the method is latent DPS.

Not copied from the public code: an encoder without its decoder's scale factor, masked pixels in the residual, and one
norm over the whole batch.
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
from posterity.samplers._norms import norms
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["GMLDPS"]


@settings
class GMLDPS(Sampler):
    """Latent posterior sampling with a penalty on ‖ẑ0 - E(D(ẑ0))‖."""

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations; fewer than T respaces")] = 1000
    scale: Annotated[float, Field(ge=0, description="η, step along the gradient of ‖y - A D(z0)‖₂")] = 1.0
    gluing: Annotated[float, Field(ge=0, description="γ, step along the gradient of ‖z0 - E(D(z0))‖₂")] = 0.1

    needs = frozenset({"latent"})
    follows = True
    quick = MappingProxyType({"steps": 50})
    standard = MappingProxyType({"steps": 300})

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "spaced"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        z_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict ẑ0 and the gradient of the loss in z_t
            z0, share, gradient = self._predict(problem, z_t, t)
            # ancestral step
            move = PosteriorStep.between(t, s)
            z_s = move.mean(z0, z_t)
            if s != CLEAN:
                z_s = z_s + move.std(share) * noise.normal("step", step)
            # guidance step: towards the measurement and towards codes of signals
            z_t = z_s.sub_(gradient)
        return z_t

    def _predict(self, problem: Problem, z_t: Tensor, t: Level) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return (guided ẑ0, learned variance fraction, gradient in z_t of each row's loss), detached; (B, *state)."""
        with torch.enable_grad():
            z_t = z_t.detach().requires_grad_()
            network = problem.predict(z_t, t)
            z0 = problem.guided(network.x0, t)
            x = problem.decode(z0)
            loss = self.scale * norms(problem.residual_of(x)) + self.gluing * norms(z0 - problem.encode(x))
            (gradient,) = torch.autograd.grad(loss.sum(), z_t)
        return z0.detach(), network.share, gradient
