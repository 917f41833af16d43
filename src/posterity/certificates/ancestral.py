"""Ancestral sampling with any denoiser, for example that of the exact posterior.

The posterior of a mixture is a mixture, so its denoiser E[x0 | x_t, y] is known. The only error of the
ancestral sampler that uses it is that of its steps: its score is the ceiling for all samplers that
approximate this denoiser.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from posterity.certificates.conditional import Conditional
from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import PosteriorStep
from posterity.priors.base import Prior
from posterity.priors.mixture import Mixture

__all__ = ["ancestral", "as_prior"]


def as_prior(exact: Conditional, like: Mixture) -> Mixture:
    """Return p(x | y) of the first measurement as a prior with the schedule of ``like``; covariances are shared."""
    covariance = (exact.vectors[0] * exact.values[0]) @ exact.vectors[0].T
    means = exact.means[0].unflatten(1, like.signal_shape)
    return Mixture(exact.weights[0], means, covariance, like.schedule)


def ancestral(prior: Prior, noise: Noise, steps: int = 1000) -> Tensor:
    """Draw samples (B, *signal) by DDPM's reverse steps; the last step returns the denoiser's prediction."""
    x = noise.normal("init", 0, prior.signal_shape)
    for step, (t, s) in enumerate(pairwise([*prior.schedule.grid(steps, "spaced"), CLEAN])):
        move = PosteriorStep.between(t, s)
        x = move.mean(prior.predict(x, t).x0, x)
        if s != CLEAN:
            x = x + move.std() * noise.normal("step", step, prior.signal_shape)
    return x
