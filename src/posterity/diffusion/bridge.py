"""The bridge between two levels of the forward process (Janati et al. 2025, Eq. A.3-A.5)."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

__all__ = ["Bridge"]


class Bridge(NamedTuple):
    """q(x_t | x_s, x_u) for s ≤ t < u, u the noisiest: mean = noisy·x_u + clean·x_s, one variance."""

    noisy: float
    clean: float
    variance: float

    @classmethod
    def between(cls, a_s: float, a_t: float, a_u: float) -> Bridge:
        """From ᾱ_s ≥ ᾱ_t > ᾱ_u; ᾱ_s = 1 bridges from a clean signal, ᾱ_t = ᾱ_s stays at x_s."""
        up, rest, whole = 1 - a_t / a_s, 1 - a_u / a_t, 1 - a_u / a_s
        return cls(
            noisy=math.sqrt(a_u / a_t) * up / whole,
            clean=math.sqrt(a_t / a_s) * rest / whole,
            variance=rest * up / whole,
        )

    def mean(self, x_s: Tensor, x_u: Tensor) -> Tensor:
        """E[x_t | x_s, x_u]."""
        return self.noisy * x_u + self.clean * x_s

    def sample(self, x_s: Tensor, x_u: Tensor, z: Tensor) -> Tensor:
        """A draw of x_t, with the standard normal z."""
        return self.mean(x_s, x_u) + math.sqrt(self.variance) * z
