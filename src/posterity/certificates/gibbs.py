"""Lévy processes as cases: Gibbs chains give exact draws and moments with errors far below those of a pool."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise, generator
from posterity.operators.dense import Dense
from posterity.priors.levy import BernoulliLaplace, Increments, Laplace, Length, Levy, LevyPosterior, Student

__all__ = ["LAWS", "SIZE", "Chains", "prior"]

SIZE = 16
"""Number of samples of a signal."""

LAWS: dict[str, Increments] = {
    "laplace": Laplace(0.05),
    "student": Student(3.0, 0.02),
    "bernoulli_laplace": BernoulliLaplace(0.1, 0.15),
}
"""Increments by name; small enough that a signal rarely leaves [-1, 1], to which clean predictions are clipped."""


def prior(name: str) -> Levy:
    """Return a prior whose denoiser stops at an error of a twentieth of the noise level, or after 240 sweeps."""
    return Levy(LAWS[name], SIZE, length=Length(tolerance=0.05, most=60))


@dataclass(frozen=True)
class Chains:
    """p(x | y_r) of R measurements y_r = A x + σ_y n, represented by draws of long chains.

    Arguments:
        prior: prior of the signal.
        matrix: A, (m, d), measured entries only.
        y: (R, m).
        sigma_y: noise level, ≥ 0.
    """

    prior: Levy
    matrix: Tensor
    y: Tensor
    sigma_y: float

    def __len__(self) -> int:
        return len(self.y)

    def _posterior(self, rows: Tensor) -> LevyPosterior:
        operator = Dense(self.matrix[None], self.prior.signal_shape)
        return self.prior.posterior(operator, self.y[rows], self.sigma_y)

    def draw(self, count: int, *key: object) -> Tensor:
        """Return draws, (R, count, d); the first 16 of a measurement come from separate chains."""
        rows = torch.arange(len(self)).repeat_interleave(count)
        seed = int(generator("gibbs", *key).integers(2**62))
        noise = Noise(seed, [str(r) for r in rows.tolist()], [*range(count)] * len(self))
        return self._posterior(rows).sample(noise).view(len(self), count, -1)

    @property
    def mean(self) -> Tensor:
        """Return E[x | y_r], (R, d)."""
        return self._moments.mean.flatten(1)

    @property
    def covariances(self) -> Tensor:
        """Return Cov(x | y_r), (R, d, d)."""
        return self._moments.covariance

    @property
    def total_variance(self) -> Tensor:
        """Return tr Cov(x | y_r), (R,)."""
        return self.covariances.diagonal(dim1=1, dim2=2).sum(1)

    @cached_property
    def _moments(self) -> LevyPosterior:
        return self._posterior(torch.arange(len(self)))
