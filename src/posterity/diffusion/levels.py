"""Noise levels of the forward process."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CLEAN", "Level"]


@dataclass(frozen=True)
class Level:
    """The level of x_t = √ᾱ x0 + √(1-ᾱ) z.

    Arguments:
        t: the network's time, any real number from 0 to T - 1; -1 is clean.
        alpha_bar: ᾱ in (0, 1].
        fraction: t/T in [0, 1], the weight of diversity guidance; 0 when clean.
    """

    t: float
    alpha_bar: float
    fraction: float

    @property
    def signal(self) -> float:
        """The factor √ᾱ of the clean signal in the state."""
        return math.sqrt(self.alpha_bar)

    @property
    def noise(self) -> float:
        """The standard deviation √(1-ᾱ) of the noise in the state."""
        return math.sqrt(1.0 - self.alpha_bar)

    @property
    def sigma(self) -> float:
        """The noise level √((1-ᾱ)/ᾱ) of x_t/√ᾱ, in the units of x."""
        return math.sqrt((1.0 - self.alpha_bar) / self.alpha_bar)

    @property
    def snr(self) -> float:
        """The signal-to-noise ratio ᾱ/(1-ᾱ), infinite when clean."""
        return math.inf if self.alpha_bar == 1 else self.alpha_bar / (1.0 - self.alpha_bar)


CLEAN = Level(t=-1.0, alpha_bar=1.0, fraction=0.0)
"""The clean level, where a run ends."""
