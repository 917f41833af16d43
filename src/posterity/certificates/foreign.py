"""A sampler of another package, as a function, among ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch

__all__ = ["Denoiser", "Draws", "Foreign"]

Draws = Callable[[str, int], Tensor]
"""noise(purpose, step) → standard normal, (B, *signal), the same for a row whatever its batch."""


@dataclass(frozen=True)
class Denoiser:
    """E[x0 | x_t] as ``denoise(x_t, t)``, (B, *signal) → (B, *signal), t from ``steps`` - 1 to 0; calls are counted."""

    problem: Problem

    def __call__(self, x_t: Tensor, t: int) -> Tensor:
        return self.problem.denoise(x_t, t)

    @property
    def steps(self) -> int:
        """Times of the prior's schedule."""
        return len(self.problem.prior.schedule)

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t in x_t = √ᾱ_t x0 + √(1-ᾱ_t) ε; ᾱ_{-1} = 1."""
        return self.problem.alpha_bar(t)


@dataclass(frozen=True)
class Foreign(Sampler):
    """``restore(denoise, A, y, sigma_y, noise)`` → x (B, *signal), as a sampler.

    A is called on (B, *signal) in [-1, 1] and has ``adjoint``, ``pinv``, ``svd`` where the task has them;
    y is (B, *measurement), σ_y in the units of x.
    """

    restore: Callable[[Denoiser, Operator, Tensor, float, Draws], Tensor]

    guidable = False

    def run(
        self,
        problem: Problem,
        noise: Noise,
        start: Start | None,
        guidance: Guidance | None,
        watch: Watch | None,  # noqa: ARG002 - nobody looks into a foreign loop
    ) -> Tensor:
        if guidance is not None or start is not None:
            raise PosterityError("a foreign sampler has no place for guidance and no time to start at; use it plain")

        def draws(purpose: str, step: int) -> Tensor:
            return noise.normal(purpose, step, problem.shape)

        return self.restore(Denoiser(problem), problem.operator, problem.y, problem.sigma_y, draws)
