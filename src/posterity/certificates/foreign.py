"""Adapter for a sampler of another package, given as a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.samplers.base import Problem, Sampler

__all__ = ["Denoiser", "Draws", "Foreign"]

Draws = Callable[[str, int], Tensor]
"""noise(purpose, step) → standard normal (B, *signal); a row gets the same draws in every batch."""


@dataclass(frozen=True)
class Denoiser:
    """E[x0 | x_t] as ``denoise(x_t, t)``, (B, *signal) → (B, *signal), t from ``steps`` - 1 to 0; calls are counted."""

    problem: Problem

    def __call__(self, x_t: Tensor, t: int) -> Tensor:
        """Return E[x0 | x_t] at time t, (B, *signal) → (B, *signal)."""
        return self.problem.predict(x_t, self.problem.schedule.level(t)).x0

    @property
    def steps(self) -> int:
        """Return the number of times of the prior's schedule."""
        return len(self.problem.schedule)

    def alpha_bar(self, t: int) -> float:
        """Return ᾱ_t in x_t = √ᾱ_t x0 + √(1-ᾱ_t) ε; ᾱ_{-1} = 1."""
        return self.problem.schedule.alpha_bar(t)


@dataclass(frozen=True)
class Foreign(Sampler):
    """``restore(denoise, A, y, sigma_y, noise)`` → x (B, *signal), as a sampler.

    A is called on (B, *signal) in [-1, 1] and has ``adjoint``, ``pinv`` and ``svd`` if the task has them;
    y is (B, *measurement), σ_y in the units of x.
    """

    restore: Callable[[Denoiser, Operator, Tensor, float, Draws], Tensor]

    guidable = False
    begins_late = False

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        found = self.restore(Denoiser(problem), problem.operator, problem.y, problem.sigma_y, noise.normal)
        shape = (len(problem.y), *problem.prior.state_shape)
        if not isinstance(found, Tensor) or found.shape != shape or not found.is_floating_point():
            what = f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise PosterityError(f"a sampler's function returned {what}, expected a tensor of floats {shape}")
        return found
