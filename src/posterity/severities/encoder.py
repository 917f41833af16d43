"""A trained severity encoder (Fabian et al. 2023): one network pass estimates the state and its error variance.

It sees only y (hidden entries 0), neither the operator nor the prior. It also accepts measurements of other operators
or noise levels than it was trained on, so that this mismatch can be studied.
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
from posterity.severities import _published
from posterity.severities._published import Published, filled
from posterity.severities._weights import Trained, load
from posterity.severities.base import Estimator

__all__ = ["Encoder"]

_ALIKE = 1e-3
"""Two autoencoders count as equal if their codes of the same measurements differ by at most this; states have sd 1."""


@settings
class Encoder(Estimator):
    """A network trained to estimate the state and its error variance."""

    weights: Annotated[
        str, Field(min_length=1, description="safetensors file, with card.json in its folder, or a published .ckpt")
    ]

    def estimate(self, problem: Problem) -> Severity:
        measured = problem.signal_operator.where_measured(problem.y)
        y = measured * problem.y
        self._require_shapes(problem, y)
        if isinstance(self._trained, Published):
            y = filled(y, measured, problem.sigma_y, problem.items)
            like = y
        else:
            like = self._encoded(self._trained, problem, y)
        z, v = self._trained(y.cpu())
        return Severity(z.to(like), v.to(like))

    def trained_for(self) -> dict[str, Any]:
        return dict(self._trained.task)

    @cached_property
    def _trained(self) -> Trained | Published:
        path = Path(self.weights)
        return _published.load(path) if path.suffix == _published.SUFFIX else load(path)

    def _require_shapes(self, problem: Problem, y: Tensor) -> None:
        trained = self._trained
        if tuple(y.shape[1:]) != trained.signal_shape or tuple(problem.shape) != trained.state_shape:
            raise PosterityError(
                f"severity encoder {self.weights}: estimates states of shape {trained.state_shape} from measurements "
                f"of shape {trained.signal_shape}, not {tuple(problem.shape)} from {tuple(y.shape[1:])}"
            )

    def _encoded(self, trained: Trained, problem: Problem, y: Tensor) -> Tensor:
        """Return E(y), (B, *state); the problem's states must be those the encoder was trained for."""
        encoded = problem.encode(y)
        if float((encoded.cpu() - trained.encode(y.cpu())).abs().max()) > _ALIKE:
            raise PosterityError(
                f"severity encoder {self.weights}: was trained for the states of another autoencoder than this prior's"
            )
        return encoded
