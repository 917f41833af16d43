r"""A prior of point masses, whose posterior is known for every operator.

:math:`p(x) = \sum_k w_k\,\delta(x - m_k)`, hence :math:`p(m_k \mid y) \propto w_k N(y; A(m_k), \sigma_y^2 I)` for
any A. Decoding by any D gives a prior of the same kind, with the points D(m_k).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.priors._rows import alike, inverse_cdf, probe
from posterity.priors.base import ExactPosterior, NoClosedForm, Prediction, Prior

__all__ = ["Atoms"]

_CHUNK = 2**23
"""Largest number of entries passed to an operator at once."""


class Atoms(Prior):
    """Weighted points; modes are the points.

    Arguments:
        points: (K, *signal).
        weights: (K,), non-negative, not necessarily normalised.
        schedule: noise schedule; linear by default.
    """

    def __init__(self, points: Tensor, weights: Tensor, schedule: Schedule | None = None) -> None:
        if len(points) != len(weights) or not (weights >= 0).all() or not weights.sum() > 0:
            raise PosterityError(f"{len(points)} points need as many weights ≥ 0, one of them above 0")
        self.schedule = schedule or Schedule.linear()
        self.points, self.signal_shape = points.double(), tuple(points.shape[1:])
        self.log_weights = (weights.double() / weights.double().sum()).log()
        self._centre = self.points.flatten(1).mean(0)
        self._centred = self.points.flatten(1) - self._centre

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return E[x0 | x_t] = Σ_k r_k m_k, (B, *signal)."""
        shifted = x_t.flatten(1).to(self.dtype) - level.signal * self._centre
        linear = level.signal * shifted @ self._centred.T - level.alpha_bar / 2 * self._centred.square().sum(1)
        r = (self.log_weights + linear / level.noise**2).softmax(1)
        return Prediction((self._centre + r @ self._centred).unflatten(1, self.signal_shape))

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:
        if not sigma_y > 0:
            raise NoClosedForm("points have a posterior under noise alone (sigma_y > 0)")
        return _AtomsPosterior(self, operator.to(self.dtype, y.device), y.double(), sigma_y)


class _AtomsPosterior(ExactPosterior):
    """The posterior weights of the points."""

    def __init__(self, prior: Atoms, operator: Operator, y: Tensor, sigma_y: float) -> None:
        self._prior = prior
        measured = operator.where_measured(y).flatten(1)
        answers = operator(probe(prior.signal_shape).clamp(-1, 1).expand(len(y), *prior.signal_shape)).flatten(1)
        squares = y.new_empty(len(y), len(prior.points))
        size = max(1, _CHUNK // max(1, math.prod(prior.signal_shape)))
        for rows in alike(torch.cat([answers, measured], dim=1)):
            for start in range(0, len(prior.points), size):
                points = prior.points[start : start + size]
                seen = measured[rows[0]] * operator.rows(rows[:1].expand(len(points)))(points).flatten(1)
                away = torch.cdist((measured * y.flatten(1))[rows], seen, compute_mode="donot_use_mm_for_euclid_dist")
                squares[rows, start : start + size] = away.square()
        normal = measured.sum(1, keepdim=True) * math.log(2 * math.pi * sigma_y**2)
        self._logits = prior.log_weights - (squares / sigma_y**2 + normal) / 2

    @property
    def mean(self) -> Tensor:
        prior = self._prior
        return (self.mode_probabilities @ prior.points.flatten(1)).unflatten(1, prior.signal_shape)

    @property
    def variance(self) -> Tensor:
        centred, weights = self._prior._centred, self.mode_probabilities
        return (weights @ centred.square() - (weights @ centred).square()).clamp(min=0).mean(1)

    @property
    def mode_probabilities(self) -> Tensor:
        return self._logits.softmax(1)

    @property
    def log_evidence(self) -> Tensor:
        return self._logits.logsumexp(1)

    def sample(self, noise: Noise) -> Tensor:
        """Draw a point per row by inverse CDF, (B, *signal)."""
        return self._prior.points[inverse_cdf(self.mode_probabilities, noise.uniform("mode"))]

    def mode_of(self, x: Tensor) -> Tensor:
        """Return the nearest point of each row, long (B,)."""
        return torch.cdist(x.double().flatten(1), self._prior.points.flatten(1)).argmin(1)
