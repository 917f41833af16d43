r"""The variational family of VIPaint (§4.1, Eq. 11-12): a Gaussian at T_e, and a bent prior step to each next level.

.. math:: q(z_{T_e}) = N(m_K, \tau_K^2), \qquad
          q(z_s \mid z_t) = N(\gamma \odot \hat m_\theta(z_t) + (1-\gamma) \odot m_s,\; \tau_s^2),

where :math:`\hat m_\theta` is the prior's DDIM mean, γ = sigmoid(g) and τ² = e^ℓ. Every parameter has the state's
shape, one set for each item. ``scaled`` is the published parametrisation by clean signals,
:math:`m_K = \sqrt{1-\tau_K^2}\,\mu_K` and :math:`m_s = \sqrt{\bar\alpha_s}\,\mu_s`; else m = μ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.steps import PosteriorStep, predicted_noise
from posterity.samplers.problem import Problem

__all__ = ["Family", "Normal", "Parameters", "Step", "transition"]

_LARGEST = 2 * math.log(0.9999)
"""log τ² at most where z_Te has variance 1 - τ² left for its mean."""


class Normal(NamedTuple):
    """N(mean, std²), elementwise; both (B, *state)."""

    mean: Tensor
    std: Tensor

    def draw(self, z: Tensor) -> Tensor:
        """Return the draw that belongs to the standard normal z."""
        return self.mean + self.std * z


class Step(NamedTuple):
    """N(mean, std²) of the prior; mean (B, *state), one std."""

    mean: Tensor
    std: float


class Parameters(NamedTuple):
    """Parameters of the variational family, one row per item (or per draw); the top level T_e comes first.

    Arguments:
        means: μ, (K, I, *state).
        log_variances: ℓ, (K, I, *state).
        gates: g, (K - 1, I, *state), of the levels below the top.
    """

    means: Tensor
    log_variances: Tensor
    gates: Tensor

    def rows(self, index: Tensor) -> Parameters:
        """Return those of the rows ``index`` (long, may repeat)."""
        return Parameters(*(p[:, index] for p in self))

    def repeated(self, count: int) -> Parameters:
        """Return each row ``count`` times in turn; the gradient is a sum, where that of ``rows`` is a scatter."""
        return Parameters(*(p[:, :, None].expand(-1, -1, count, *p.shape[2:]).flatten(1, 2) for p in self))


@dataclass(frozen=True)
class Family:
    """q at the key levels.

    Arguments:
        levels: K of them, T_e first, T_s last.
        parameters: of its rows.
        scaled: means are parametrised by clean signals.
        share: η_v, the share of the posterior variance that the prior's steps have.
    """

    levels: tuple[Level, ...]
    parameters: Parameters
    scaled: bool
    share: float

    def rows(self, index: Tensor) -> Family:
        """Return the family of the rows ``index`` (long, may repeat)."""
        return replace(self, parameters=self.parameters.rows(index))

    def top(self) -> Normal:
        """q(z_Te), (I, *state)."""
        mu, spread = self.parameters.means[0], self.parameters.log_variances[0]
        if not self.scaled:
            return Normal(mu, (0.5 * spread).exp())
        spread = spread.clamp(max=_LARGEST)
        return Normal((-torch.expm1(spread)).sqrt() * mu, (0.5 * spread).exp())

    def step(self, k: int, prior: Step) -> Normal:
        """q(z_s | z_t) at level number k ≥ 1, where ``prior`` is p(z_s | z_t)."""
        gate = self.parameters.gates[k - 1].sigmoid()
        mu = self.parameters.means[k]
        if self.scaled:
            mu = self.levels[k].signal * mu
        return Normal(gate * prior.mean + (1 - gate) * mu, (0.5 * self.parameters.log_variances[k]).exp())

    def transition(self, k: int, problem: Problem, z_t: Tensor) -> Step:
        """p(z_s | z_t) at level number k ≥ 1."""
        return transition(problem, z_t, self.levels[k - 1], self.levels[k], self.share)


def transition(problem: Problem, z_t: Tensor, t: Level, s: Level, share: float) -> Step:
    """Return the prior's DDIM step N(m_p(z_t), η_v β̃) from t to s, (B, *state)."""
    x0 = problem.predict(z_t, t).x0
    variance = share * PosteriorStep.between(t, s).variance
    eps = predicted_noise(z_t, x0, t)
    return Step(s.signal * x0 + math.sqrt(1 - s.alpha_bar - variance) * eps, math.sqrt(variance))
