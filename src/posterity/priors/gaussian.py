"""The Gaussian prior with a dense covariance: a mixture of one component."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors.mixture import LARGEST, Mixture

__all__ = ["Gaussian"]


class Gaussian(Mixture):
    """N(mean, covariance), for signals of small dimension d; the covariance may be singular.

    Arguments:
        mean: (*signal).
        covariance: (d, d), symmetric, positive semidefinite.
        schedule: noise schedule; linear by default.
    """

    def __init__(self, mean: Tensor, covariance: Tensor, schedule: Schedule | None = None) -> None:
        super().__init__(torch.ones(1), mean[None], covariance, schedule)
        self.mean, self.covariance = mean.double(), self.covariances[0]

    @classmethod
    def estimate(cls, known: Tensor, schedule: Schedule | None = None) -> Gaussian:
        """Return the Gaussian with the mean and covariance of signals (K, *signal).

        Raises:
            PosterityError: if the covariance would not fit into memory.
        """
        flat = known.double().flatten(1)
        if flat.shape[1] > LARGEST:
            raise PosterityError(
                f"a dense covariance of signals of {flat.shape[1]} entries is too large; at most {LARGEST}, "
                "or covariance: stationary"
            )
        centred = flat - flat.mean(0)
        return cls(known.double().mean(0), centred.T @ centred / len(flat), schedule)

    def gain(self, level: Level) -> Tensor:
        """Return G = √a Σ (aΣ + (1-a)I)⁻¹, the Jacobian of the denoiser, (d, d), with a = ᾱ."""
        a = level.alpha_bar
        values, vectors = self.spectrum.values[0], self.spectrum.vectors[0]
        return (vectors * (math.sqrt(a) * values / (a * values + 1 - a))) @ vectors.T
