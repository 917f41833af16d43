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

_NOT_IN_TIME = "covariance: toeplitz is for signals (channels, time)"


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
        _check_size(flat.shape[1])
        centred = flat - flat.mean(0)
        return cls(known.double().mean(0), centred.T @ centred / len(flat), schedule)

    @classmethod
    def toeplitz(cls, known: Tensor, schedule: Schedule | None = None) -> Gaussian:
        """Return the Gaussian of a stationary process from stretches of it, (K, C, T).

        The mean is one per channel; the covariance of two entries depends on their channels and their lag. The ends are
        far apart, where :class:`~posterity.priors.stationary.StationaryGaussian` joins them. The covariance at a lag is
        the mean product over all pairs of samples with that lag, which is unbiased; directions in which the matrix of
        these means is negative get variance 0.

        Raises:
            PosterityError: if signals are not (C, T), or the covariance would not fit into memory.
        """
        if known.ndim != 3:
            raise PosterityError(f"{_NOT_IN_TIME}; these have shape {tuple(known.shape[1:])}")
        channels, length = known.shape[1:]
        _check_size(channels * length)
        mean = known.double().mean((0, 2))
        # twice the length, so that no lag wraps around
        f = torch.fft.rfft(known.double() - mean[:, None], n=2 * length)
        products = torch.fft.irfft(torch.einsum("kcf,kdf->cdf", f, f.conj()) / len(known), n=2 * length)
        at = torch.arange(length)
        lags = at[:, None] - at
        covariance = (products[:, :, lags] / (length - lags.abs())).transpose(1, 2).flatten(2).flatten(0, 1)
        values, vectors = torch.linalg.eigh((covariance + covariance.mT) / 2)
        return cls(mean[:, None].expand(-1, length), (vectors * values.clamp(min=0)) @ vectors.mT, schedule)

    def gain(self, level: Level) -> Tensor:
        """Return G = √a Σ (aΣ + (1-a)I)⁻¹, the Jacobian of the denoiser, (d, d), with a = ᾱ."""
        a = level.alpha_bar
        values, vectors = self.spectrum.values[0], self.spectrum.vectors[0]
        return (vectors * (math.sqrt(a) * values / (a * values + 1 - a))) @ vectors.T


def _check_size(entries: int) -> None:
    if entries > LARGEST:
        raise PosterityError(
            f"a dense covariance of signals of {entries} entries is too large; at most {LARGEST}, "
            "or covariance: stationary"
        )
