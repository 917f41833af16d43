r"""RED-diff: optimise the restoration under a data term and a denoiser term (Mardani et al. 2024, Alg. 1).

Each time t of a descending sweep noises μ to :math:`x_t = \sqrt{\bar\alpha_t}\,\mu + \sqrt{1-\bar\alpha_t}\,z`
and takes one Adam step on μ along the gradient of

.. math:: \tfrac{v}{2}\,\mathrm{mean}(y - A\mu)^2 + w_t\,\mathrm{mean}(\mathrm{sg}[\epsilon_\theta(x_t) - z]\odot\mu),
          \qquad w_t = \lambda\,\omega\big(\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}\big).

Means are over one row: the entries of y (masked ones counted), and the entries of the signal. Since
ε - z = √ᾱ_t/√(1-ᾱ_t) (μ - x̂0), the linear ω makes the second term a pull of strength λ towards x̂0.
The method seeks modes: two restorations differ only through z.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import predicted_noise
from posterity.samplers._adam import Adam
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["REDDiff"]

_WEIGHTINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda u: u,
    "sqrt": math.sqrt,
    "square": lambda u: u**2,
    "log": math.log1p,
    "clipped": lambda u: min(u, 1.0),
    "constant": lambda u: 1.0,  # noqa: ARG005
    "two_thirds": lambda u: u ** (2 / 3),
}
"""ω as a function of the noise-to-signal ratio √(1-ᾱ_t)/√ᾱ_t."""


@settings
class REDDiff(Sampler):
    """Regularisation by denoising diffusion; the operator need only be differentiable.

    It starts at A⁺y, or at N(0, I) if the operator has no pseudo-inverse (MGPS's comparison), and cannot
    start late. The diversity push moves the clean prediction towards which μ is pulled.
    """

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations, one Adam step each")] = 1000
    rate: Annotated[float, Field(gt=0, description="Adam's step size; 0.5 with 100 steps, 0.25 with noise")] = 0.1
    strength: Annotated[float, Field(ge=0, description="λ, weight of the denoiser; 1 with noise")] = 0.25
    data_weight: Annotated[float, Field(ge=0, description="v, weight of the measurement")] = 1.0
    weighting: Annotated[
        Literal["linear", "sqrt", "square", "log", "clipped", "constant", "two_thirds"],
        Field(description="ω as a function of the noise-to-signal ratio √(1-ᾱ_t)/√ᾱ_t"),
    ] = "linear"

    begins_late = False
    quick = MappingProxyType({"steps": 100})
    standard = MappingProxyType({"steps": 300})

    def times(self, schedule: Schedule) -> list[Level]:
        return schedule.grid(self.steps, "strided")

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        mu, adam = self._first(problem, noise), Adam(self.rate, betas=(0.9, 0.99))
        for step, t in problem.visits(self._visited(problem, noise)):
            # noise μ, predict, gradient of the denoiser term
            pull, _ = self._pull(problem, mu, t, noise.normal("step", step))
            # gradient of the data term
            slope = self._misfit_slope(problem, mu)
            # Adam step
            mu = mu - adam.step(self.data_weight * slope + pull)
        return mu

    @staticmethod
    def _first(problem: Problem, noise: Noise) -> Tensor:
        """Return the initial μ, (B, *state)."""
        if "pinv" in problem.operator.has:
            return problem.operator.pinv(problem.y)
        return noise.normal("init")

    def _visited(self, problem: Problem, noise: Noise) -> list[Level]:  # noqa: ARG002 - random levels need it
        """Return the level of each step."""
        return self.times(problem.schedule)

    def _pull(self, problem: Problem, mu: Tensor, t: Level, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return (w_t (ε - z)/D, the gradient in μ of the denoiser term; the guided clean prediction), (B, *state)."""
        x_t = t.signal * mu + t.noise * z
        x0 = problem.guided(problem.predict(x_t, t).x0, t)
        return self._weight(t) * (predicted_noise(x_t, x0, t) - z) / mu[0].numel(), x0

    def _weight(self, t: Level) -> float:
        """Return w_t."""
        return self.strength * _WEIGHTINGS[self.weighting](t.sigma)

    @staticmethod
    def _misfit_slope(problem: Problem, mu: Tensor) -> Tensor:
        """Return the gradient in μ of ½ mean (y - A μ)², (B, *state); the mean is over each row's measurement."""
        with torch.enable_grad():
            mu = mu.detach().requires_grad_()
            (slope,) = torch.autograd.grad(0.5 * problem.residual(mu).square().flatten(1).mean(1).sum(), mu)
        return slope
