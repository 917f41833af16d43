r"""MGPS: a variational fit at a midpoint, then a bridge (Janati et al. 2025, Alg. 1-3).

A step from level u to level k goes through a midpoint ℓ = ⌊ηk⌋, where the likelihood of the
denoised state is better known than at k. A diagonal Gaussian is fitted to

.. math:: \hat\pi_\ell(x) \propto N(y; A D_\ell(x), \sigma_y^2 I)\;q_{\ell|0,u}(x \mid D_u(x_u), x_u)

by Adam, a draw of it is the midpoint, and the forward process' bridge leads from there to k. In the
warm phase, the noisiest levels, a second fit at level 1 follows the first: there the likelihood needs
no network, and the bridge starts from level 1.

Level u carries ᾱ_[u] = Π_{s<u}(1-β_s): level 0 is clean, and level u is time u - 1 of the schedule. The
source feeds its network u instead (``time_shift: mgps``). The run ends with the denoiser at the first
positive grid level. The source's own count of evaluations has one more, which it makes twice, and its
likelihood at ℓ = 1 skips the denoiser; neither is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.bridge import Bridge
from posterity.diffusion.grids import floored
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import predicted_noise, predicted_x0
from posterity.samplers._adam import Adam
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

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

    The diversity push moves both clean predictions of a step: D_u(x_u), around which the midpoint is
    sought, and the last midpoint's, from which the search begins.
    """

    steps: Annotated[int, Field(ge=3, le=1000, description="levels of the grid; two outer steps fewer")] = 100
    eta: Annotated[float, Field(ge=0, le=1, description="midpoint ℓ = ⌊ηk⌋ of target level k")] = 0.5
    late_eta: Annotated[float, Field(ge=0, le=1, description="the same at target levels ≤ late_level")] = 0.5
    late_level: Annotated[int, Field(ge=0, description="where late_eta takes over")] = 500
    warm_level: Annotated[int, Field(ge=0, description="warm phase: source levels from here up; > T is none")] = 700
    rate: Annotated[float, Field(gt=0, description="Adam's step size")] = 0.03
    parametrisation: Annotated[
        Literal["logstd", "logvar"], Field(description="what Adam moves: as in the source's code, or in its text")
    ] = "logstd"
    time_shift: Annotated[
        Literal["exact", "mgps"], Field(description="network time of level u: u - 1, or u as in the source")
    ] = "exact"
    # Gradient steps M(i) of grid index i, the first rule that fits.
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

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        total = len(problem.prior.schedule)
        grid = floored(self.steps, total)
        indices, x = [*range(self.steps - 1, 1, -1)], noise.normal("init", 0, problem.shape)
        if start is not None:
            indices, x = [i for i in indices if grid[i] - 1 <= start[0]], start[1]
        guess: Tensor | None = None
        for step, i in enumerate(indices):
            u, k = grid[i], grid[i - 1]
            mid = self.midpoint(k)
            warm = u >= self.warm_level and mid > 1
            network = self._denoise(problem, x, u)
            x0 = problem.guided(guidance, network, u / total)
            guess = problem.guided(guidance, network if guess is None else guess, u / total)
            prior = _bridge(problem, 0, mid, u)
            fit = _Normal.bridged(_bridge(problem, 1 if warm else 0, mid, u), guess, x)
            anchor = (prior.mean(x0, x), prior.variance)
            fit = self._fit(noise, f"fit {i}", self.gradient_steps(i), fit, anchor, self._slope(problem, mid))
            x_mid = fit.draw(noise.normal("midpoint", i, problem.shape))
            guess = self._denoise(problem, x_mid, mid)
            if warm:
                fit = _Normal.bridged(_bridge(problem, 0, 1, mid), guess, x_mid)
                a = _alpha_bar(problem, mid) / _alpha_bar(problem, 1)
                anchor = (x_mid / math.sqrt(a), (1 - a) / a)
                fit = self._fit(noise, f"warm fit {i}", self.gradient_steps(i), fit, anchor, self._warm_slope(problem))
                mid, x_mid = 1, fit.draw(noise.normal("level 1", i, problem.shape))
                guess = x_mid
            x = _bridge(problem, mid, k, u).sample(x_mid, x, noise.normal("bridge", i, problem.shape))
            if watch is not None:
                watch(step, len(indices), x0)
        return self._denoise(problem, x, grid[1])

    def midpoint(self, k: int) -> int:
        """ℓ of target level k, in 1 … k."""
        return max(1, min(k, int((self.late_eta if k <= self.late_level else self.eta) * k)))

    def gradient_steps(self, i: int) -> int:
        """M(i) of grid index i."""
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
        """``count`` Adam steps from ``fit`` on KL(N(mean, diag) ‖ N(anchor)) + E[energy], ``slope`` = ∇ energy."""
        (mean, log_std), (centre, variance) = fit, anchor
        unit = 1.0 if self.parametrisation == "logstd" else 0.5  # d log std / d parameter
        of_mean, of_spread = Adam(self.rate), Adam(self.rate)
        for j in range(count):
            z = noise.normal(purpose, j, mean.shape[1:])
            pull, std = slope(_Normal(mean, log_std).draw(z)), log_std.exp()
            spread_slope = pull * z * std + std**2 / variance - 1
            mean = mean - of_mean.step(pull + (mean - centre) / variance)
            log_std = log_std - unit * of_spread.step(unit * spread_slope)
        return _Normal(mean, log_std)

    def _slope(self, problem: Problem, level: int) -> Callable[[Tensor], Tensor]:
        """x ↦ -∇ log N(y; A D_level(x), σ_y² I), through the denoiser."""

        def slope(x: Tensor) -> Tensor:
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                energy = _energy(problem, self._denoise(problem, x, level))
            return torch.autograd.grad(energy, x)[0]

        return slope

    def _warm_slope(self, problem: Problem) -> Callable[[Tensor], Tensor]:
        """x ↦ -∇ log N(y; A x, σ_y² I) - ∇ log p_1(x): no gradient through the denoiser."""
        a = _alpha_bar(problem, 1)

        def slope(x: Tensor) -> Tensor:
            score = (math.sqrt(a) * self._denoise(problem, x, 1) - x) / (1 - a)
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                energy = _energy(problem, x)
            return torch.autograd.grad(energy, x)[0] - score

        return slope

    def _denoise(self, problem: Problem, x: Tensor, level: int) -> Tensor:
        """D_level(x)."""
        if self.time_shift == "exact":
            return problem.denoise(x, level - 1)
        shown = min(level, len(problem.prior.schedule) - 1)
        eps = predicted_noise(x, problem.denoise(x, shown), problem.alpha_bar(shown))
        return predicted_x0(x, eps, _alpha_bar(problem, level))


def _energy(problem: Problem, x0: Tensor) -> Tensor:
    """Sum over all rows of ‖y - A x0‖²/(2σ_y²), the masked entries left out."""
    return problem.residual(x0).square().sum() / (2 * problem.sigma_y**2)


def _alpha_bar(problem: Problem, level: int) -> float:
    """ᾱ_[level], 1 at level 0."""
    return problem.alpha_bar(level - 1)


def _bridge(problem: Problem, s: int, t: int, u: int) -> Bridge:
    """Between levels s ≤ t < u."""
    return Bridge.between(*(_alpha_bar(problem, level) for level in (s, t, u)))
