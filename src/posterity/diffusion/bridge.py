"""The bridge between two levels of the forward process (Janati et al. 2025, Eq. A.3-A.5)."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from posterity.diffusion.levels import Level

__all__ = ["Bridge"]


class Bridge(NamedTuple):
    """q(x_t | x_s, x_u) for s ≤ t < u, u the noisiest: mean = noisy·x_u + clean·x_s, scalar variance."""

    noisy: float
    clean: float
    variance: float

    @classmethod
    def between(cls, s: Level, t: Level, u: Level) -> Bridge:
        """Return the bridge for ᾱ_s ≥ ᾱ_t > ᾱ_u; a clean s starts it at a clean signal, t = s stays at x_s."""
        a_s, a_t, a_u = s.alpha_bar, t.alpha_bar, u.alpha_bar
        up, rest, whole = 1 - a_t / a_s, 1 - a_u / a_t, 1 - a_u / a_s
        return cls(
            noisy=math.sqrt(a_u / a_t) * up / whole,
            clean=math.sqrt(a_t / a_s) * rest / whole,
            variance=rest * up / whole,
        )

    def mean(self, x_s: Tensor, x_u: Tensor) -> Tensor:
        """Return E[x_t | x_s, x_u], all (B, *state)."""
        return self.noisy * x_u + self.clean * x_s

    def sample(self, x_s: Tensor, x_u: Tensor, z: Tensor) -> Tensor:
        """Draw x_t, (B, *state), with standard normal z of the same shape."""
        return self.mean(x_s, x_u) + math.sqrt(self.variance) * z
