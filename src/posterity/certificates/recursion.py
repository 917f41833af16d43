r"""Moments of midpoint guidance for a Gaussian prior and a linear operator (Janati et al. 2025, App. B).

If every fit were exact, a step of MGPS from level u through the midpoint ℓ to level k would be Gaussian:
:math:`x_\ell \mid x_u \propto N(x_\ell; M x_u + b, Q)\,N(y; H x_\ell + c, R)`, then the bridge to k. So
mean and covariance follow a recursion, without sampling and without fits, and each of the step's two
approximations can be undone on its own:

* ``backward``: Q is the variance of the DDPM transition, or with ``exact`` the spread of x0 as well;
* ``potential``: R = σ_y² I as in DPS, or with ``exact`` the spread of A x0 given x_ℓ as well.

Levels as in :mod:`posterity.samplers.mgps`: level u is time u - 1 of the schedule, level 0 is clean, and
the run ends with the denoiser at the first positive level of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.certificates.axes import root, spectrum
from posterity.certificates.probing import Moments
from posterity.diffusion.bridge import Bridge
from posterity.diffusion.grids import floored
from posterity.priors.gaussian import Gaussian

__all__ = ["BACKWARDS", "POTENTIALS", "Recursion", "posterior", "proportional", "wasserstein"]

BACKWARDS, POTENTIALS = ("ddpm", "exact"), ("dps", "exact")


def _affine(prior: Gaussian, level: int) -> tuple[Tensor, Tensor]:
    """Return G (d, d) and h (d,) of the denoiser D_level(x) = G x + h."""
    zero = torch.zeros(1, *prior.signal_shape, dtype=torch.float64)
    at = prior.schedule.level(level - 1)
    return prior.gain(at), prior.predict(zero, at).x0.flatten()


@dataclass(frozen=True)
class Recursion:
    """The surrogate of one problem.

    Arguments:
        prior: prior of the signal of d numbers.
        matrix: A, (m, d).
        y: (m,).
        sigma_y: noise level in the units of x, > 0.
        steps: number of levels of the grid, n.
        backward: "ddpm" or "exact".
        potential: "dps" or "exact".
    """

    prior: Gaussian
    matrix: Tensor
    y: Tensor
    sigma_y: float
    steps: int = 100
    backward: str = "ddpm"
    potential: str = "dps"

    def moments(self, midpoint: Callable[[int], int]) -> Moments:
        """Return the moments of the restorations; ``midpoint`` maps the target level k to ℓ in 1 … k."""
        grid = floored(self.steps, len(self.prior.schedule))
        eye = torch.eye(self.matrix.shape[1], dtype=torch.float64)
        mean, covariance = torch.zeros(len(eye), dtype=torch.float64), eye
        for u, k in zip(grid[:1:-1], grid[-2:0:-1], strict=True):
            mid = midpoint(k)
            slope, offset, spread = self._midpoint(mid, u)
            last = self._bridge(mid, k, u)
            move = last.noisy * eye + last.clean * slope
            mean = move @ mean + last.clean * offset
            covariance = move @ covariance @ move.T + last.clean**2 * spread + last.variance * eye
        gain, shift = _affine(self.prior, grid[1])
        return Moments(gain @ mean + shift, gain @ covariance @ gain.T)

    def _midpoint(self, mid: int, u: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return P (d, d), p (d,) and Γ (d, d) of x_ℓ | x_u ~ N(P x_u + p, Γ)."""
        eye = torch.eye(self.matrix.shape[1], dtype=torch.float64)
        bridge, (gain, shift) = self._bridge(0, mid, u), _affine(self.prior, u)
        centre, offset = bridge.noisy * eye + bridge.clean * gain, bridge.clean * shift
        q = bridge.variance * eye
        if self.backward == "exact":
            q = q + bridge.clean**2 * self._uncertainty(u)
        gain, shift = _affine(self.prior, mid)
        seen, missing = self.matrix @ gain, self.y - self.matrix @ shift
        r = self.sigma_y**2 * torch.eye(len(self.y), dtype=torch.float64)
        if self.potential == "exact":
            r = r + self.matrix @ self._uncertainty(mid) @ self.matrix.T
        kalman = torch.linalg.solve(seen @ q @ seen.T + r, seen @ q).T
        keep = eye - kalman @ seen
        spread = keep @ q @ keep.T + kalman @ r @ kalman.T  # Joseph's form: symmetric, never negative
        return keep @ centre, keep @ offset + kalman @ missing, spread

    def _uncertainty(self, level: int) -> Tensor:
        """Return Cov(x0 | x_level), (d, d)."""
        at = self.prior.schedule.level(level - 1)
        return self.prior.gain(at) * (1 - at.alpha_bar) / at.signal

    def _bridge(self, s: int, t: int, u: int) -> Bridge:
        return Bridge.between(*(self.prior.schedule.level(level - 1) for level in (s, t, u)))


def proportional(eta: float) -> Callable[[int], int]:
    """Return MGPS's rule with a constant η: ℓ = ⌊ηk⌋, in 1 … k."""
    return lambda k: max(1, min(k, int(eta * k)))


def posterior(prior: Gaussian, matrix: Tensor, y: Tensor, sigma_y: float) -> Moments:
    """Return the mean and covariance of x given y (m,) = A x + σ_y n."""
    cross, mean = prior.covariance @ matrix.T, prior.means[0]
    noise = sigma_y**2 * torch.eye(len(y), dtype=torch.float64)
    kalman = torch.linalg.solve(matrix @ cross + noise, cross.T).T
    keep = torch.eye(len(mean), dtype=torch.float64) - kalman @ matrix
    spread = keep @ prior.covariance @ keep.T + kalman @ noise @ kalman.T
    return Moments(mean + kalman @ (y - matrix @ mean), spread)


def _root(covariance: Tensor) -> Tensor:
    return root(*spectrum((covariance + covariance.T) / 2))


def wasserstein(one: Moments, other: Moments) -> float:
    """Return W₂ between the Gaussians with these moments."""
    half = _root(one.covariance)
    # the trace of (S₁^½ S₂ S₁^½)^½ is the sum of the singular values of S₁^½ S₂^½
    overlap = torch.linalg.svdvals(half @ _root(other.covariance)).sum()
    squared = (one.mean - other.mean).square().sum() + torch.trace(one.covariance + other.covariance) - 2 * overlap
    return math.sqrt(max(0.0, float(squared)))
