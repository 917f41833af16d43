r"""MGPS: a variational fit at a midpoint, then a bridge (Janati et al. 2025, Alg. 1-3).

A step from level u to level k goes through a midpoint ℓ = ⌊ηk⌋, where the denoiser approximates the
likelihood better than at k. A diagonal Gaussian is fitted to

.. math:: \hat\pi_\ell(x) \propto N(y; A D_\ell(x), \sigma_y^2 I)\;q_{\ell|0,u}(x \mid D_u(x_u), x_u)

by Adam; a draw from it is the midpoint state, and the bridge of the forward process leads from there to
k. In the warm phase (the noisiest levels) a second fit at level 1 follows the first: there the
likelihood needs no network, and the bridge starts from level 1.

Level u carries ᾱ_[u] = Π_{s<u}(1-β_s): level 0 is clean, and level u is time u - 1 of the schedule. The
source passes u to its network instead (``time_shift: mgps``). The run ends with the denoiser at the first
positive grid level. Not copied: the source makes one evaluation twice, and its likelihood at ℓ = 1 skips
the denoiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.bridge import Bridge
from posterity.diffusion.grids import floored
from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import predicted_noise, predicted_x0
from posterity.samplers._adam import Adam
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["MGPS"]


class _Normal(NamedTuple):
    """N(mean, diag(e^{2 log_std})), both (B, *signal)."""

    mean: Tensor
    log_std: Tensor

    @classmethod
    def bridged(cls, bridge: Bridge, x_s: Tensor, x_u: Tensor) -> _Normal:
        mean = bridge.mean(x_s, x_u)
        return cls(mean, torch.full_like(mean, 0.5 * math.log(bridge.variance)))

    def draw(self, z: Tensor) -> Tensor:
        return self.mean + self.log_std.exp() * z


@settings
class MGPS(Sampler):
    """Midpoint guidance posterior sampling; the operator need only be differentiable.

    The diversity push moves both clean predictions of a step: D_u(x_u), which centres the midpoint's
    target, and the last midpoint's prediction, which initialises the fit.
    """

    steps: Annotated[int, Field(ge=3, le=1000, description="levels of the grid; there are two outer steps fewer")] = 100
    eta: Annotated[float, Field(ge=0, le=1, description="midpoint ℓ = ⌊ηk⌋ of target level k")] = 0.5
    late_eta: Annotated[float, Field(ge=0, le=1, description="the same at target levels ≤ late_level")] = 0.5
    late_level: Annotated[int, Field(ge=0, description="where late_eta takes over")] = 500
    warm_level: Annotated[int, Field(ge=0, description="warm phase: source levels from here up; > T is none")] = 700
    rate: Annotated[float, Field(gt=0, description="Adam's step size")] = 0.03
    parametrisation: Annotated[
        Literal["logstd", "logvar"], Field(description="what Adam optimises: source's code logstd, text logvar")
    ] = "logstd"
    time_shift: Annotated[
        Literal["exact", "mgps"], Field(description="network time of level u: u - 1, or u as in the source")
    ] = "exact"
    # Gradient steps M(i) at grid index i; the first matching rule applies.
    last: Annotated[int, Field(ge=0, description="M = last_fits at grid indices ≤ this")] = 20
    last_fits: Annotated[int, Field(ge=0, description="gradient steps there")] = 2
    first: Annotated[int, Field(ge=0, description="M = first_fits at this many of the noisiest indices")] = 5
    first_fits: Annotated[int, Field(ge=0, description="gradient steps there")] = 20
    every: Annotated[int, Field(ge=1, description="M = every_fits at multiples of this index")] = 10
    every_fits: Annotated[int, Field(ge=0, description="gradient steps there")] = 20
    fits: Annotated[int, Field(ge=0, description="gradient steps at all other indices")] = 2

    needs = frozenset({"noise"})
    quick = MappingProxyType({"steps": 15})
    standard = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        return [_level(schedule, u) for u in reversed(floored(self.steps, len(schedule))[1:])]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        schedule, levels = problem.schedule, self.times(problem.schedule)
        index = {u: len(levels) - position for position, u in enumerate(levels)}  # of the source's grid, clean at 0
        x, guess = problem.begin(noise), None
        for _, (u, k) in problem.steps(self):
            i, number = index[u], self.midpoint(_number(k))
            mid, warm = _level(schedule, number), _number(u) >= self.warm_level and number > 1
            # predict
            network = self._denoise(problem, x, u)
            guess = problem.guided(network if guess is None else guess, u)
            x0 = problem.guided(network, u)
            # fit the midpoint
            prior = Bridge.between(CLEAN, mid, u)
            first = _Normal.bridged(Bridge.between(_level(schedule, 1) if warm else CLEAN, mid, u), guess, x)
            anchor = (prior.mean(x0, x), prior.variance)
            fit = self._fit(noise, f"fit {i}", self.gradient_steps(i), first, anchor, self._slope(problem, mid))
            # draw it
            x_mid = fit.draw(noise.normal("midpoint", i))
            guess = self._denoise(problem, x_mid, mid)
            # in the warm phase, fit and draw level 1 as well
            if warm:
                guess = x_mid = self._warm(problem, noise, i, mid, x_mid, guess)
                mid = _level(schedule, 1)
            # bridge from there to the next level
            x = Bridge.between(mid, k, u).sample(x_mid, x, noise.normal("bridge", i))
        return self._denoise(problem, x, levels[-1])

    def midpoint(self, k: int) -> int:
        """Return the midpoint ℓ of target level k, in 1 … k."""
        return max(1, min(k, int((self.late_eta if k <= self.late_level else self.eta) * k)))

    def gradient_steps(self, i: int) -> int:
        """Return M(i), the number of gradient steps at grid index i."""
        if i <= self.last:
            return self.last_fits
        if i >= self.steps - self.first:
            return self.first_fits
        return self.every_fits if i % self.every == 0 else self.fits

    def _fit(
        self,
        noise: Noise,
        purpose: str,
        count: int,
        fit: _Normal,
        anchor: tuple[Tensor, float],
        slope: Callable[[Tensor], Tensor],
    ) -> _Normal:
        """Take ``count`` Adam steps from ``fit`` on KL(N(mean, diag) ‖ N(anchor)) + E[energy]; ``slope`` = ∇ energy."""
        (mean, log_std), (centre, variance) = fit, anchor
        unit = 1.0 if self.parametrisation == "logstd" else 0.5  # d log std / d parameter
        of_mean, of_spread = Adam(self.rate), Adam(self.rate)
        for j in range(count):
            z = noise.normal(purpose, j)
            pull, std = slope(_Normal(mean, log_std).draw(z)), log_std.exp()
            spread_slope = pull * z * std + std**2 / variance - 1
            mean = mean - of_mean.step(pull + (mean - centre) / variance)
            log_std = log_std - unit * of_spread.step(unit * spread_slope)
        return _Normal(mean, log_std)

    def _warm(self, problem: Problem, noise: Noise, i: int, mid: Level, x_mid: Tensor, guess: Tensor) -> Tensor:
        """Return a draw of level 1 given the midpoint, by a second fit; (B, *state)."""
        one = _level(problem.schedule, 1)
        first = _Normal.bridged(Bridge.between(CLEAN, one, mid), guess, x_mid)
        a = mid.alpha_bar / one.alpha_bar
        anchor = (x_mid / math.sqrt(a), (1 - a) / a)
        fit = self._fit(noise, f"warm fit {i}", self.gradient_steps(i), first, anchor, self._warm_slope(problem))
        return fit.draw(noise.normal("level 1", i))

    def _slope(self, problem: Problem, level: Level) -> Callable[[Tensor], Tensor]:
        """Return x ↦ -∇ log N(y; A D_level(x), σ_y² I), differentiated through the denoiser."""

        def slope(x: Tensor) -> Tensor:
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                energy = _energy(problem, self._denoise(problem, x, level))
            return torch.autograd.grad(energy, x)[0]

        return slope

    def _warm_slope(self, problem: Problem) -> Callable[[Tensor], Tensor]:
        """Return x ↦ -∇ log N(y; A x, σ_y² I) - ∇ log p_1(x), without a gradient through the denoiser."""
        one = _level(problem.schedule, 1)

        def slope(x: Tensor) -> Tensor:
            score = (one.signal * self._denoise(problem, x, one) - x) / (1 - one.alpha_bar)
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                energy = _energy(problem, x)
            return torch.autograd.grad(energy, x)[0] - score

        return slope

    def _denoise(self, problem: Problem, x: Tensor, level: Level) -> Tensor:
        """Return D_level(x), (B, *state)."""
        if self.time_shift == "exact":
            return problem.predict(x, level).x0
        shown = problem.schedule.level(min(_number(level), len(problem.schedule) - 1))
        eps = predicted_noise(x, problem.predict(x, shown).x0, shown)
        return predicted_x0(x, eps, level)


def _energy(problem: Problem, x0: Tensor) -> Tensor:
    """Return the sum over all rows of ‖y - A x0‖²/(2σ_y²), over measured entries; a scalar."""
    return problem.residual(x0).square().sum() / (2 * problem.sigma_y**2)


def _level(schedule: Schedule, number: int) -> Level:
    """Return the source's level ``number``: time number - 1, clean at 0; guidance is weighted by number/T."""
    return replace(schedule.level(number - 1), fraction=number / len(schedule))


def _number(level: Level) -> int:
    """Return the source's number of a level."""
    return int(level.t) + 1
