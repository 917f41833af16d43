"""Reverse and forward steps between two levels (Ho et al. 2020; Song et al. 2021); scalars are float64.

``t`` is the level of the state, ``s`` the level of the result. States, predictions and draws are (B, *state).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from posterity.diffusion.levels import Level

__all__ = ["PosteriorStep", "ddim_noise_split", "forward_step", "predicted_noise", "predicted_x0", "renoise"]


class PosteriorStep(NamedTuple):
    """Coefficients of q(x_s | x_t, x0): mean = x0_weight·x0 + xt_weight·x_t.

    ``beta`` = 1 - ᾱ_t/ᾱ_s is the (respaced) increment and ``variance`` = β̃ = beta (1-ᾱ_s)/(1-ᾱ_t).
    """

    x0_weight: float
    xt_weight: float
    variance: float
    beta: float

    @classmethod
    def between(cls, t: Level, s: Level) -> PosteriorStep:
        """Return the step from t to a cleaner s."""
        a_t, a_s = t.alpha_bar, s.alpha_bar
        beta = 1.0 - a_t / a_s
        return cls(
            x0_weight=math.sqrt(a_s) * beta / (1.0 - a_t),
            xt_weight=math.sqrt(1.0 - beta) * (1.0 - a_s) / (1.0 - a_t),
            variance=beta * (1.0 - a_s) / (1.0 - a_t),
            beta=beta,
        )

    def mean(self, x0: Tensor, x_t: Tensor) -> Tensor:
        """Return E[x_s | x_t, x0], all (B, *state)."""
        return (self.x0_weight * x0).add_(x_t, alpha=self.xt_weight)

    def std(self, share: Tensor | None = None) -> float | Tensor:
        """Return the standard deviation of the step: √β̃, or that of a network with learned variance.

        Arguments:
            share: in [0, 1], (B, *state): the variance is β̃ at 0 and β at 1, log-linear in between
                (Nichol and Dhariwal 2021, Eq. 15); None means β̃.
        """
        if share is None or self.variance <= 0:
            return float(self.variance**0.5)
        return (share * math.log(self.beta) + (1 - share) * math.log(self.variance)).exp() ** 0.5


def forward_step(x_t: Tensor, z: Tensor, t: Level, s: Level) -> Tensor:
    """Draw x_s ~ q(x_s | x_t) at a noisier level s with standard normal z, all (B, *state)."""
    beta = PosteriorStep.between(s, t).beta
    return math.sqrt(1 - beta) * x_t + math.sqrt(beta) * z


def ddim_noise_split(t: Level, s: Level, eta: float) -> tuple[float, float]:
    """Return the weights (c1 of fresh noise, c2 of eps) of a DDIM step; ``eta`` is the fraction of DDPM's std."""
    a_t, a_s = t.alpha_bar, s.alpha_bar
    c1 = eta * math.sqrt((1.0 - a_t / a_s) * (1.0 - a_s) / (1.0 - a_t))
    return c1, math.sqrt(max(1.0 - a_s - c1 * c1, 0.0))


def renoise(s: Level, x0: Tensor, *noises: tuple[float, Tensor]) -> Tensor:
    """Return √ᾱ_s x0 plus the ``noises``, each (weight, draw or eps), (B, *state).

    Accumulates in place: one temporary per product and sum would dominate a sampler's own time.
    """
    x_s = s.signal * x0
    for weight, z in noises:
        x_s.add_(z, alpha=weight)
    return x_s


def predicted_noise(x_t: Tensor, x0: Tensor, t: Level) -> Tensor:
    """Return eps = (x_t - √ᾱ_t x0)/√(1-ᾱ_t) of the clean prediction x0 at level t, (B, *state)."""
    return (x_t / t.noise).add_(x0, alpha=-1 / t.sigma)


def predicted_x0(x_t: Tensor, eps: Tensor, t: Level) -> Tensor:
    """Return the clean prediction (x_t - √(1-ᾱ_t) eps)/√ᾱ_t of the noise prediction eps at level t, (B, *state)."""
    return (x_t / t.signal).add_(eps, alpha=-t.sigma)
