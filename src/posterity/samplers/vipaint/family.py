r"""The variational family of VIPaint (§4.1, Eq. 11-12): a Gaussian at T_e, and a gated prior step to each next level.

.. math:: q(z_{T_e}) = N(m_K, \tau_K^2), \qquad
          q(z_s \mid z_t) = N(\gamma \odot \hat m_\theta(z_t) + (1-\gamma) \odot m_s,\; \tau_s^2),

where :math:`\hat m_\theta` is the prior's DDIM mean, γ = sigmoid(g) and τ² = e^ℓ. Each item has its own parameters,
all of the state's shape. ``scaled`` is the published parametrisation by clean signals,
:math:`m_K = \sqrt{1-\tau_K^2}\,\mu_K` and :math:`m_s = \sqrt{\bar\alpha_s}\,\mu_s`; otherwise m = μ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.steps import PosteriorStep
from posterity.samplers.problem import Problem

__all__ = ["Family", "Normal", "Parameters", "Step", "transition"]

_LARGEST = 2 * math.log(0.9999)
"""Upper bound of log τ² at T_e if scaled, so that the mean's weight 1 - τ² stays positive."""


class Normal(NamedTuple):
    """N(mean, std²), elementwise; both (B, *state)."""

    mean: Tensor
    std: Tensor

    def draw(self, z: Tensor) -> Tensor:
        """Return mean + std · z for standard normal z, (B, *state)."""
        return torch.addcmul(self.mean, self.std, z)


class Step(NamedTuple):
    """N(mean, std²), a step of the prior; mean (B, *state), std a scalar."""

    mean: Tensor
    std: float


class Parameters(NamedTuple):
    """Parameters of the variational family, one row per item or per sample; the top level T_e comes first.

    Arguments:
        means: μ, (K, I, *state).
        log_variances: ℓ, (K, I, *state).
        gates: g, (K - 1, I, *state), for the levels below the top.
    """

    means: Tensor
    log_variances: Tensor
    gates: Tensor

    def rows(self, index: Tensor) -> Parameters:
        """Return the parameters of rows ``index`` (long (n,), may repeat)."""
        return Parameters(*(p[:, index] for p in self))

    def of_draws(self) -> Parameters:
        """Return views (K, I, 1, *state) that broadcast over the draws of an item, (I, B, *state)."""
        return Parameters(*(p.unsqueeze(2) for p in self))


@dataclass(frozen=True)
class Family:
    """The variational posterior q at the key levels.

    Arguments:
        levels: the K key levels, T_e first, T_s last.
        parameters: one row per item (or draw).
        scaled: whether means parametrise clean signals.
        share: η_v, the fraction of the posterior variance in prior steps.
    """

    levels: tuple[Level, ...]
    parameters: Parameters
    scaled: bool
    share: float

    def rows(self, index: Tensor) -> Family:
        """Return the family of rows ``index`` (long (n,), may repeat)."""
        return replace(self, parameters=self.parameters.rows(index))

    def top(self) -> Normal:
        """Return q(z_Te), (I, *state)."""
        mu, spread = self.parameters.means[0], self.parameters.log_variances[0]
        if not self.scaled:
            return Normal(mu, (0.5 * spread).exp())
        spread = spread.clamp(max=_LARGEST)
        return Normal((-torch.expm1(spread)).sqrt() * mu, (0.5 * spread).exp())

    def step(self, k: int, prior: Step) -> Normal:
        """Return q(z_s | z_t) at level index k ≥ 1, given ``prior`` = p(z_s | z_t); (I, *state)."""
        gate = self.parameters.gates[k - 1].sigmoid()
        mu = self.parameters.means[k]
        if self.scaled:
            mu = self.levels[k].signal * mu
        return Normal(torch.lerp(mu, prior.mean, gate), (0.5 * self.parameters.log_variances[k]).exp())

    def transition(self, k: int, problem: Problem, z_t: Tensor) -> Step:
        """Return p(z_s | z_t) at level index k ≥ 1 for z_t (I, *state)."""
        return transition(problem, z_t, self.levels[k - 1], self.levels[k], self.share)


def transition(problem: Problem, z_t: Tensor, t: Level, s: Level, share: float) -> Step:
    """Return the prior's DDIM step N(m_p(z_t), η_v β̃) from t to s, (B, *state)."""
    x0 = problem.predict(z_t, t).x0
    variance = share * PosteriorStep.between(t, s).variance
    kept = math.sqrt(1 - s.alpha_bar - variance)
    # √ᾱ_s ẑ0 + kept·eps, with eps = z_t/√(1-ᾱ_t) - ẑ0/σ_t
    return Step((s.signal - kept / t.sigma) * x0 + kept / t.noise * z_t, math.sqrt(variance))
