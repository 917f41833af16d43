"""Reverse and forward steps between two levels (Ho et al. 2020; Song et al. 2021); scalars are float64.

``t`` is the level of the state, ``s`` the one that the step leads to. States, predictions and draws have the shape
(B, *state).
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
        """E[x_s | x_t, x0]."""
        return (self.x0_weight * x0).add_(x_t, alpha=self.xt_weight)

    def std(self, share: Tensor | None = None) -> float | Tensor:
        """Return the standard deviation of the step: √β̃, or what a network with learned variance says.

        Arguments:
            share: in [0, 1], (B, *state): the variance is β̃ at 0 and β at 1, log-linear in between
                (Nichol and Dhariwal 2021, Eq. 15); None is β̃.
        """
        if share is None or self.variance <= 0:
            return float(self.variance**0.5)
        return (share * math.log(self.beta) + (1 - share) * math.log(self.variance)).exp() ** 0.5


def forward_step(x_t: Tensor, z: Tensor, t: Level, s: Level) -> Tensor:
    """Return x_s at a noisier level s, q(x_s | x_t) with the standard normal z."""
    beta = PosteriorStep.between(s, t).beta
    return math.sqrt(1 - beta) * x_t + math.sqrt(beta) * z


def ddim_noise_split(t: Level, s: Level, eta: float) -> tuple[float, float]:
    """Return the weights (c1 of fresh noise, c2 of eps) of a DDIM step; ``eta`` is the fraction of DDPM's std."""
    a_t, a_s = t.alpha_bar, s.alpha_bar
    c1 = eta * math.sqrt((1.0 - a_t / a_s) * (1.0 - a_s) / (1.0 - a_t))
    return c1, math.sqrt(max(1.0 - a_s - c1 * c1, 0.0))


def renoise(s: Level, x0: Tensor, *noises: tuple[float, Tensor]) -> Tensor:
    """Return √ᾱ_s x0 plus noises, each (weight, draw or eps), into one tensor.

    With a tensor for every product and sum, most of a sampler's own time would be memory that comes and goes.
    """
    x_s = s.signal * x0
    for weight, z in noises:
        x_s.add_(z, alpha=weight)
    return x_s


def predicted_noise(x_t: Tensor, x0: Tensor, t: Level) -> Tensor:
    """Return eps that belongs to the clean prediction x0 at level t."""
    return (x_t / t.noise).add_(x0, alpha=-1 / t.sigma)


def predicted_x0(x_t: Tensor, eps: Tensor, t: Level) -> Tensor:
    """Return the clean prediction that belongs to the noise prediction eps at level t."""
    return (x_t / t.signal).add_(eps, alpha=-t.sigma)
