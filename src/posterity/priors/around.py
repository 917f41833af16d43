"""A prior that delegates to another; subclasses override parts."""

from __future__ import annotations

import copy
from typing import Self

from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.operators.base import Operator
from posterity.priors.base import ExactPosterior, Prediction, Prior

__all__ = ["Around"]


class Around(Prior):
    """Delegates every call.

    Arguments:
        prior: the prior inside.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior, self.schedule, self.signal_shape = prior, prior.schedule, prior.signal_shape
        self.dtype, self.device, self.bounds, self.latent = prior.dtype, prior.device, prior.bounds, prior.latent

    @property
    def state_shape(self) -> tuple[int, ...]:
        return self.prior.state_shape

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        return self.prior.predict(x_t, level)

    def decode(self, z: Tensor) -> Tensor:
        return self.prior.decode(z)

    def encode(self, x: Tensor) -> Tensor:
        return self.prior.encode(x)

    def given(self, labels: Tensor, weight: float = 1.0) -> Self:
        return self._with(self.prior.given(labels, weight))

    def rows(self, index: Tensor) -> Self:
        return self._with(self.prior.rows(index))

    def _with(self, prior: Prior) -> Self:
        out = copy.copy(self)
        out.prior = prior
        return out

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:
        return self.prior.posterior(operator, y, sigma_y)
