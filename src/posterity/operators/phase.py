"""Phase retrieval: the modulus of the Fourier transform of the padded image (DPS, MGPS)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._settings import finite
from posterity.operators.base import Operator

__all__ = ["PhaseRetrieval"]

_TINY = 1e-12
_MOST = 64
"""Largest oversampling: 17 times the side."""


@dataclass(frozen=True, eq=False)
class PhaseRetrieval(Operator):
    """y = |F pad((x + 1) / 2)| per channel, F centred and orthonormal; (B, C, H + 2p, W + 2p).

    "Oversampling 2" of the sources pads every side by p = oversampling/8 of its length, giving 1.5 times the
    length. An image, its half turn and its shifts inside the padding share one measurement, channel by
    channel, so papers restore several times and keep the best.
    """

    oversampling: float
    signal_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        finite("oversampling", self.oversampling, 0, _MOST, above=True)
        if 0 in self.padding:
            _, height, width = self.signal_shape
            raise PosterityError(f"oversampling {self.oversampling:g} adds no pixel to {height}×{width}; it needs more")

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros added on every side: (above and below, left and right)."""
        _, height, width = self.signal_shape
        return round(self.oversampling / 8 * height), round(self.oversampling / 8 * width)

    def forward(self, x: Tensor) -> Tensor:
        down, across = self.padding
        wide = torch.nn.functional.pad((x + 1) / 2, (across, across, down, down))
        spectrum = torch.fft.fft2(torch.fft.ifftshift(wide, dim=(-2, -1)), norm="ortho")
        centred = torch.fft.fftshift(spectrum, dim=(-2, -1))
        # The modulus has no gradient at 0; this form has.
        return (centred.real**2 + centred.imag**2 + _TINY).sqrt()

    def display(self, y: Tensor) -> Tensor:
        """Return the log modulus relative to the brightest, downscaled to the signal's size; (B, *signal)."""
        level = y.clamp(min=0).log1p()
        level = level / level.amax(dim=(1, 2, 3), keepdim=True).clamp(min=_TINY)
        return torch.nn.functional.interpolate(2 * level - 1, size=self.signal_shape[1:], mode="area")

    def rows(self, index: Tensor) -> PhaseRetrieval:  # noqa: ARG002 - nothing differs between rows
        return self
