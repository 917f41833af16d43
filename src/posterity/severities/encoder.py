"""A trained severity encoder (Fabian et al. 2023): one pass of a network estimates the state, and how far off that is.

It sees y alone, hidden entries being 0, and neither the operator nor the prior. Measurements of another operator or of
other noise than it was trained with are estimated all the same: how wrong that is can be an experiment.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from posterity.errors import PosterityError
from posterity.samplers.base import settings
from posterity.samplers.problem import Problem
from posterity.samplers.severity import Severity
from posterity.severities._weights import Trained, load
from posterity.severities.base import Estimator

__all__ = ["Encoder"]

_ALIKE = 1e-3
"""How far apart the same measurements may be in the states of two autoencoders that count as one; states have sd 1."""


@settings
class Encoder(Estimator):
    """A network that was trained to estimate the state, and how far off that is."""

    weights: Annotated[str, Field(min_length=1, description="safetensors with a card.json beside it")]

    def estimate(self, problem: Problem) -> Severity:
        operator = problem.signal_operator
        y = operator.where_measured(problem.y) * problem.y
        encoded = self._encoded(problem, y)
        z, v = self._trained(y.cpu())
        return Severity(z.to(encoded), v.to(encoded))

    def trained_for(self) -> dict[str, Any]:
        return dict(self._trained.task)

    @cached_property
    def _trained(self) -> Trained:
        return load(Path(self.weights))

    def _encoded(self, problem: Problem, y: Tensor) -> Tensor:
        """Return E(y) in the problem's states, which must be those that the encoder was trained for."""
        trained = self._trained
        if tuple(y.shape[1:]) != trained.signal_shape or tuple(problem.shape) != trained.state_shape:
            raise PosterityError(
                f"severity encoder {self.weights}: estimates states of shape {trained.state_shape} from measurements "
                f"of shape {trained.signal_shape}, not {tuple(problem.shape)} from {tuple(y.shape[1:])}"
            )
        encoded = problem.encode(y)
        if float((encoded.cpu() - trained.encode(y.cpu())).abs().max()) > _ALIKE:
            raise PosterityError(
                f"severity encoder {self.weights}: was trained for the states of another autoencoder than this prior's"
            )
        return encoded
