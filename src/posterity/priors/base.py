"""The contracts of a prior and of an exact posterior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.base import Operator

__all__ = ["ExactPosterior", "NoClosedForm", "Prediction", "Prior"]


class NoClosedForm(Exception):
    """This prior has no closed-form posterior for this operator; the message says why."""


class ExactPosterior(ABC):
    """p(x0 | y) of a batch of measurements, row by row.

    Priors with modes (mixture, kernel) also give the probability of every mode and tell which mode
    a sample belongs to; for a Gaussian there is one mode.
    """

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """E[x0 | y], shape (B, *signal)."""

    @property
    def variance(self) -> Tensor:
        """Mean variance of a signal's numbers given y, tr Cov[x0 | y]/d, (B,).

        Raises:
            NoClosedForm: where it is not known.
        """
        raise NoClosedForm(f"a {type(self).__name__.lstrip('_')} does not know its variance")

    @property
    @abstractmethod
    def mode_probabilities(self) -> Tensor:
        """Probability of each mode given y, shape (B, K), rows summing to 1."""

    @property
    @abstractmethod
    def log_evidence(self) -> Tensor:
        """log p(y), shape (B,); NoClosedForm where the posterior is known and the evidence is not."""

    @abstractmethod
    def sample(self, noise: Noise) -> Tensor:
        """Return one exact draw for each row of ``noise`` (same rows as the measurements), (B, *signal)."""

    @abstractmethod
    def mode_of(self, x: Tensor) -> Tensor:
        """Most responsible mode of each row of x under the posterior, long (B,)."""


class Prediction(NamedTuple):
    """Answer of a prior to one question about x_t.

    Arguments:
        x0: E[x0 | x_t], (B, *state).
        share: of a network with learned variance, where the reverse step's variance lies between β̃ (0) and β (1),
            (B, *state), without gradient; None elsewhere.
        evaluations: of the network that each row took; guidance without a classifier takes two.
    """

    x0: Tensor
    share: Tensor | None = None
    evaluations: int = 1


class Prior(ABC):
    """A denoiser E[x0 | x_t] with a noise schedule.

    What diffuses is a *state*, what people see a *signal*; they differ for a latent prior alone.

    ``dtype`` is the precision that samplers should keep their state in: float64 for closed forms,
    so that a sample does not depend on the rounding of the batch it sits in. ``device`` is where it
    must live. ``bounds`` is the range of states, None where there is none; clipping obeys it. ``name`` and
    ``about`` are for people, empty where nobody has named it.
    """

    schedule: Schedule
    signal_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")
    bounds: tuple[float, float] | None = (-1.0, 1.0)
    latent: bool = False
    name: str = ""
    about: str = ""

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self.signal_shape

    @abstractmethod
    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return E[x0 | x_t], (B, *state) → (B, *state); differentiable in x_t."""

    def decode(self, z: Tensor) -> Tensor:
        """Return the signals of states, (B, *state) → (B, *signal); differentiable."""
        return z

    def encode(self, x: Tensor) -> Tensor:
        """Return the states of signals, (B, *signal) → (B, *state); differentiable."""
        return x

    def given(self, labels: Tensor, weight: float = 1.0) -> Prior:  # noqa: ARG002
        """Return this prior conditioned on the class of each row.

        Arguments:
            labels: long (B,).
            weight: guidance without a classifier (Ho and Salimans 2022): the prediction is that of the null class
                plus ``weight`` times what the class adds; 1 asks for the class alone.

        Raises:
            PosterityError: when it knows no classes, or no null class that the weight needs.
        """
        raise PosterityError(f"a {type(self).__name__} prior has no classes to be conditioned on")

    def rows(self, index: Tensor) -> Prior:  # noqa: ARG002
        """Return the prior of the rows ``index`` (long, may repeat); the same one unless rows have classes."""
        return self

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:  # noqa: ARG002
        """Return the exact posterior of the measurements y (B, *measurement); σ_y in the units of x.

        Raises:
            NoClosedForm: when this prior has none for this operator.
        """
        raise NoClosedForm(f"a {type(self).__name__} has no closed-form posterior")
