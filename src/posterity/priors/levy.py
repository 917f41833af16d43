r"""Lévy processes: signals with independent increments, whose posterior is sampled by Gibbs sampling.

x is the running sum of u_1, …, u_n, drawn independently from p_U (Gauss, Laplace, Student's t, or
Laplace with exact zeros), which covers smooth, sparse and heavy-tailed signals. Given the variances of
its increments, x is a Gaussian random walk, so a Gibbs sweep draws the variances, then all of x at once.
Sweeps are averaged over E[x | variances, y] instead of x (Rao-Blackwell).

There is no closed form in the strict sense, but all errors are known and can be made small: ``predict``
stops when its standard error is below 2 % of the noise level, and ``posterior`` reports its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise, generator
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.priors._levy.chains import Length
from posterity.priors._levy.denoise import posterior_covariance_times, posterior_mean
from posterity.priors._levy.increments import Array, BernoulliLaplace, Gauss, Increments, Laplace, Student
from posterity.priors._levy.posterior import LevyPosterior, digest
from posterity.priors._levy.problems import LinearProblem, problems
from posterity.priors.base import Prediction, Prior

__all__ = [
    "BernoulliLaplace",
    "Gauss",
    "Increments",
    "Laplace",
    "Length",
    "Levy",
    "LevyPosterior",
    "LinearProblem",
    "Student",
    "problems",
]

_TOGETHER = 256
"""Rows whose chains run together."""


class Levy(Prior):
    """Signals (1, 1, size), that is images of one row, with independent increments.

    ``predict`` has no noise argument, so its random numbers are a function of (seed, t, the row's values to
    three decimals): the same call gives the same result, alone or in any batch, and nearby points share their
    stream, while rows of a pool have independent errors. The Jacobian uses a separate stream, so that products
    of prediction and Jacobian, which many samplers form, are not biased by a common error.

    Arguments:
        increments: law of the increments, in the units of x.
        size: number of samples n of a signal.
        schedule: noise schedule; linear by default.
        seed: seed of the streams.
        length: chains of ``predict``: by default 4 chains of 20 to 500 sweeps (2 000 at most in total), until
            the standard error is below ``tolerance`` times the noise level σ_t/√ᾱ_t everywhere.
        posterior_length: chains for the moments of ``posterior``, with the tolerance in posterior sds.

    Attributes:
        sweeps: total Gibbs sweeps so far, over all rows and chains: the actual cost of evaluations.
    """

    def __init__(
        self,
        increments: Increments,
        size: int = 64,
        schedule: Schedule | None = None,
        seed: int = 0,
        length: Length | None = None,
        posterior_length: Length | None = None,
    ) -> None:
        if not isinstance(increments, Increments):
            raise PosterityError(f"Levy: increments {increments!r} are none of {', '.join(_LAWS)}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 2:
            raise PosterityError(f"Levy: size = {size!r} is not a whole number from 2 on")
        self.increments, self.seed = increments, seed
        self.schedule = schedule or Schedule.linear()
        self.signal_shape = (1, 1, size)
        self.dtype = torch.float64
        self.length = length or Length(most=500)
        self.posterior_length = posterior_length or Length(least=400, burn_in=100)
        self.sweeps = 0

    def draw(self, count: int, *key: object) -> Tensor:
        """Draw independent signals from the prior, (count, 1, 1, size)."""
        u = self.increments.draw(generator("levy prior", *key), (count, self.signal_shape[-1]))
        return torch.from_numpy(u.cumsum(1)).view(count, *self.signal_shape)

    def start(self, noise: Noise) -> tuple[int, Tensor]:
        """Return (T - 1, x) with x (B, 1, 1, size) from the exact law of x_T, to start from instead of white noise.

        With heavy-tailed increments √ᾱ_T x0 is a large part of x_T, and starting from white noise is an error in
        itself; this separates it from the sampler's own error.
        """
        t = len(self.schedule) - 1
        a = self.schedule.alpha_bar(t)
        rows = zip(noise.items, noise.samples, strict=True)
        x0 = torch.cat([self.draw(1, "start", noise.seed, item, sample) for item, sample in rows])
        return t, math.sqrt(a) * x0 + math.sqrt(1 - a) * noise.normal("init", 0, self.signal_shape).to(x0)

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return E[x0 | x_t], (B, 1, 1, size), by Rao-Blackwellised averages over Gibbs chains.

        The Jacobian is (√ᾱ/(1-ᾱ)) Cov(x0 | x_t); differentiable once. Rows with non-finite values give NaN.
        """
        return Prediction(x_t if level.alpha_bar == 1.0 else _Denoise.apply(x_t, self, level))

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> LevyPosterior:
        """Return the posterior given y (B, *measurement) by Gibbs sampling, for linear operators.

        Raises:
            NoClosedForm: for non-linear operators, and for σ_y = 0 unless single samples are measured and
                increments are never exactly 0.
        """
        problem = operator.to(self.dtype), y.double().cpu(), sigma_y
        return LevyPosterior(self.increments, self.signal_shape, problem, self.posterior_length, self.seed, self._made)

    def _made(self, sweeps: int) -> None:
        self.sweeps += sweeps

    def _streams(self, x_t: Array, level: Level, purpose: str) -> list[np.random.Generator]:
        return [generator(purpose, self.seed, f"{level.t:.12g}", digest(row)) for row in x_t]


class _Denoise(torch.autograd.Function):
    """Denoises the finite rows, a few hundred at a time."""

    @staticmethod
    def forward(ctx: Any, x_t: Tensor, prior: Levy, level: Level) -> Tensor:
        x = x_t.detach().double().flatten(1).cpu().numpy()
        a, sigma = level.alpha_bar, level.sigma
        out, counts = np.full_like(x, np.nan), np.zeros(len(x), dtype=np.int64)
        for rows in _parts(x):
            y = x[rows].T / math.sqrt(a)
            streams = prior._streams(x[rows], level, "levy denoise")
            mean, counts[rows], made = posterior_mean(prior.increments, y, sigma, streams, prior.length)
            out[rows] = mean.T
            prior._made(made)
        ctx.save_for_backward(x_t)
        ctx.prior, ctx.level, ctx.counts = prior, level, counts
        return torch.from_numpy(out).to(x_t).view_as(x_t)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return Jᵀg = (√ᾱ/(1-ᾱ)) Cov(x0 | x_t) g, as J is symmetric."""
        (x_t,) = ctx.saved_tensors
        prior, level = ctx.prior, ctx.level
        x = x_t.double().flatten(1).cpu().numpy()
        g = gradient.double().flatten(1).cpu().numpy()
        a, sigma = level.alpha_bar, level.sigma
        out = np.full_like(x, np.nan)
        for rows in _parts(x):
            y, streams = x[rows].T / math.sqrt(a), prior._streams(x[rows], level, "levy jacobian")
            product, made = posterior_covariance_times(
                prior.increments, y, g[rows].T, sigma, streams, prior.length, ctx.counts[rows]
            )
            out[rows] = math.sqrt(a) / (1 - a) * product.T
            prior._made(made)
        return torch.from_numpy(out).to(gradient).view_as(gradient), None, None


def _parts(x: Array) -> list[Any]:
    finite = np.flatnonzero(np.isfinite(x).all(1))
    return [finite[first : first + _TOGETHER] for first in range(0, len(finite), _TOGETHER)]


_LAWS = [law.__name__ for law in (Gauss, Laplace, Student, BernoulliLaplace)]
