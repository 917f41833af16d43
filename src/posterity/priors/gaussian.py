"""The Gaussian prior with a dense covariance (spec of closed-form priors, A.1): a mixture of one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.diffusion.schedule import Schedule
from posterity.priors.mixture import Mixture

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

    def gain(self, t: int) -> Tensor:
        """G_t = √a Σ (aΣ + (1-a)I)⁻¹, the Jacobian of the denoiser, (d, d)."""
        a = self.schedule.alpha_bar(t)
        values, vectors = self.spectrum.values[0], self.spectrum.vectors[0]
        return (vectors * (math.sqrt(a) * values / (a * values + 1 - a))) @ vectors.T
