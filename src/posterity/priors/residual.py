"""Residual parametrisation: a network predicts the residual of a Gaussian's denoiser, in units of its error.

x0 = E_G[x0 | x_t] + e(σ)·F(c_in x_t, E_G[x0 | x_t]/σ_data), where E_G is the denoiser of a stationary Gaussian with
the moments of the data, and e(σ)² its mean square error. F = 0 is the best linear time-invariant denoiser, for which
the loss |F - (x0 - E_G)/e|² is 1 in expectation; a loss is therefore relative to the Gaussian's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from posterity.priors.stationary import StationaryGaussian

__all__ = ["Base"]

_MEAN, _REAL, _IMAGINARY = "base.mean", "base.spectrum_real", "base.spectrum_imaginary"


class Base:
    """The stationary Gaussian of a residual network.

    Arguments:
        gaussian: prior of signals (C, T), in float64 on any device.
        sigma_data: unit in which the network receives the Gaussian's prediction.
    """

    KEYS = (_MEAN, _REAL, _IMAGINARY)

    def __init__(self, gaussian: StationaryGaussian, sigma_data: float) -> None:
        self.gaussian, self._sigma_data = gaussian, sigma_data

    @classmethod
    def estimate(cls, signals: Tensor, length: int, sigma_data: float) -> Base:
        """Estimate it from all windows of ``length`` samples, at half overlap, of signals (N, C, T)."""
        parts = signals.unfold(2, length, max(1, length // 2)).movedim(2, 1).flatten(0, 1)
        return cls(StationaryGaussian.estimate(parts), sigma_data)

    @classmethod
    def of(cls, state: Mapping[str, Tensor], length: int, sigma_data: float) -> Base:
        """Rebuild it from the tensors of :meth:`state`, for signals (C, length)."""
        spectrum = torch.complex(state[_REAL].double(), state[_IMAGINARY].double())
        return cls(StationaryGaussian(state[_MEAN].double(), spectrum, (length,)), sigma_data)

    def to(self, device: torch.device | str) -> Base:
        """Return it on ``device``."""
        gaussian = copy.copy(self.gaussian)
        gaussian.__dict__.pop("eigen", None)
        gaussian.mean, gaussian.spectrum = gaussian.mean.to(device), gaussian.spectrum.to(device)
        return Base(gaussian, self._sigma_data)

    def state(self) -> dict[str, Tensor]:
        """Return the Gaussian's mean (C,) and spectrum as float32 tensors for a file."""
        spectrum = self.gaussian.spectrum.permute(2, 3, 0, 1).contiguous()
        mean = self.gaussian.mean[:, 0]
        parts = {_MEAN: mean, _REAL: spectrum.real, _IMAGINARY: spectrum.imag}
        return {name: part.float().cpu().contiguous() for name, part in parts.items()}

    def around(self, x_t: Tensor, alpha_bar: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the network's input (B, 2C, T), the Gaussian's prediction (B, C, T) and its error (B,).

        Arguments:
            x_t: (B, C, T), float64.
            alpha_bar: (B,).
            scale: c_in of each row, (B,).
        """
        expected = self.gaussian.expected(x_t, alpha_bar)
        given = torch.cat([scale.view(-1, 1, 1) * x_t, expected / self._sigma_data], 1)
        return given, expected, self.gaussian.error(alpha_bar)
