"""Reverse and forward steps between two times, as scalars in float64 (Ho et al. 2020; Song et al. 2021)."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import hardtanh

__all__ = ["PosteriorStep", "cut", "ddim_noise_split", "predicted_noise", "predicted_x0", "weighted"]


class PosteriorStep(NamedTuple):
    """Coefficients of q(x_s | x_t, x0): mean = x0_weight·x0 + xt_weight·x_t.

    ``beta`` = 1 - ᾱ_t/ᾱ_s is the (respaced) increment and ``variance`` = β̃ = beta (1-ᾱ_s)/(1-ᾱ_t).
    """

    x0_weight: float
    xt_weight: float
    variance: float
    beta: float

    @classmethod
    def between(cls, a_t: float, a_s: float) -> PosteriorStep:
        """From ᾱ_t to ᾱ_s ≥ ᾱ_t."""
        beta = 1.0 - a_t / a_s
        return cls(
            x0_weight=math.sqrt(a_s) * beta / (1.0 - a_t),
            xt_weight=math.sqrt(1.0 - beta) * (1.0 - a_s) / (1.0 - a_t),
            variance=beta * (1.0 - a_s) / (1.0 - a_t),
            beta=beta,
        )


def ddim_noise_split(a_t: float, a_s: float, eta: float) -> tuple[float, float]:
    """Weights (c1 of fresh noise, c2 of eps) of a DDIM step; ``eta`` is the fraction of DDPM's std."""
    c1 = eta * math.sqrt((1.0 - a_t / a_s) * (1.0 - a_s) / (1.0 - a_t))
    return c1, math.sqrt(max(1.0 - a_s - c1 * c1, 0.0))


def predicted_noise(x_t: Tensor, x0: Tensor, a_t: float) -> Tensor:
    """eps that belongs to the clean prediction x0 at ᾱ_t."""
    return weighted((1 / math.sqrt(1.0 - a_t), x_t), (-math.sqrt(a_t / (1.0 - a_t)), x0))


def predicted_x0(x_t: Tensor, eps: Tensor, a_t: float) -> Tensor:
    """Clean prediction that belongs to the noise prediction eps at ᾱ_t."""
    return weighted((1 / math.sqrt(a_t), x_t), (-math.sqrt((1.0 - a_t) / a_t), eps))


def cut(x0: Tensor) -> Tensor:
    """x0 cut to the range of images, [-1, 1]: clamp, with a gradient of one pass over memory in place of four."""
    return hardtanh(x0)


def weighted(*terms: tuple[float, Tensor]) -> Tensor:
    """The sum of weight·x over terms of one shape.

    Into one tensor: with one for every product and sum, most of a sampler's own time is memory that comes and goes.
    """
    (weight, x), *others = terms
    total = weight * x
    for weight, x in others:
        total.add_(x, alpha=weight)
    return total
