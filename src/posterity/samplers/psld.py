r"""PSLD: posterior sampling with latent diffusion (Rout et al. 2023, arXiv:2307.00619, Algorithm 2).

Each reverse step is followed by
:math:`z_s \leftarrow z_s - \nabla_{z_t}\big(\eta\,\|y - A\hat x\|_2 + \gamma\,\|\hat z_0 - E(\tilde x)\|_2\big)` with
:math:`\hat x = D(\hat z_0)` and the *glued* signal :math:`\tilde x = \hat x + A^T(y - A\hat x)`: the measurement where
there is one, the decoded signal elsewhere. The paper prints the projector with AAᵀ and a noiseless measurement; this
is what its code computes. ``stochasticity`` 1 is the ancestral step, 0 the deterministic step of the public latent
diffusion code.

Not copied from the public code: simulated noise added to A x̂, masked pixels in the residual, one norm over the whole
batch, and an adjoint of blurs that is off by a pixel at the border.
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
from posterity.diffusion.steps import ddim_noise_split, predicted_noise, renoise
from posterity.samplers._norms import norms
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["PSLD"]


@settings
class PSLD(Sampler):
    """Latent posterior sampling that glues the measurement into the decoded signal; linear operators only."""

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations; fewer than T respaces")] = 1000
    scale: Annotated[float, Field(ge=0, description="η, step along the gradient of ‖y - A D(z0)‖₂")] = 1.0
    gluing: Annotated[float, Field(ge=0, description="γ, step along the gradient of ‖z0 - E(glued signal)‖₂")] = 0.1
    stochasticity: Annotated[float, Field(ge=0, le=1, description="DDIM's η: share of the ancestral std")] = 1.0

    needs = frozenset({"latent", "linear", "adjoint"})
    follows = True
    quick = MappingProxyType({"steps": 50})
    standard = MappingProxyType({"steps": 300})

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "spaced"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        z_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict ẑ0 and the gradient of the loss in z_t
            z0, gradient = self._predict(problem, z_t, t)
            # reverse step
            fresh, kept = ddim_noise_split(t, s, self.stochasticity)
            z_s = renoise(s, z0, (kept, predicted_noise(z_t, z0, t)), (fresh, noise.normal("step", step)))
            # guidance step: towards the measurement and towards codes of glued signals
            z_t = z_s.sub_(gradient)
        return z_t

    def _predict(self, problem: Problem, z_t: Tensor, t: Level) -> tuple[Tensor, Tensor]:
        """Return (guided ẑ0, gradient in z_t of each row's loss), detached; (B, *state)."""
        with torch.enable_grad():
            z_t = z_t.detach().requires_grad_()
            z0 = problem.guided(problem.predict(z_t, t).x0, t)
            x = problem.decode(z0)
            residual = problem.residual_of(x)
            glued = x + problem.signal_operator.adjoint(residual)
            loss = self.scale * norms(residual) + self.gluing * norms(z0 - problem.encode(glued))
            (gradient,) = torch.autograd.grad(loss.sum(), z_t)
        return z0.detach(), gradient
