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
    """Raised if a prior has no closed-form posterior for an operator; the message says why."""


class ExactPosterior(ABC):
    """p(x0 | y) of a batch of measurements, row by row.

    Priors with modes (mixture, kernel) also give the probability of every mode and assign samples to
    modes; a Gaussian has one mode.
    """

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Return E[x0 | y], (B, *signal)."""

    @property
    def variance(self) -> Tensor:
        """Return the posterior variance averaged over a signal's entries, tr Cov[x0 | y]/d, (B,).

        Raises:
            NoClosedForm: if it is not known.
        """
        raise NoClosedForm(f"a {type(self).__name__.lstrip('_')} does not know its variance")

    @property
    @abstractmethod
    def mode_probabilities(self) -> Tensor:
        """Return the probability of each mode given y, (B, K), rows summing to 1."""

    @property
    @abstractmethod
    def log_evidence(self) -> Tensor:
        """Return log p(y), (B,); raise NoClosedForm if only the evidence is unknown."""

    @abstractmethod
    def sample(self, noise: Noise) -> Tensor:
        """Return one exact draw per row of ``noise`` (the rows of the measurements), (B, *signal)."""

    @abstractmethod
    def mode_of(self, x: Tensor) -> Tensor:
        """Return the most responsible mode of each row of x (B, *signal) under the posterior, long (B,)."""


class Prediction(NamedTuple):
    """A prior's prediction at x_t.

    Arguments:
        x0: E[x0 | x_t], (B, *state).
        share: of a network with learned variance: the reverse step's variance between β̃ (0) and β (1), (B, *state),
            without gradient; None otherwise.
        evaluations: network evaluations per row; classifier-free guidance takes two.
    """

    x0: Tensor
    share: Tensor | None = None
    evaluations: int = 1


class Prior(ABC):
    """A denoiser E[x0 | x_t] with a noise schedule.

    Diffusion acts on *states*, which decode to *signals*; they differ only for a latent prior.
    ``dtype`` is the precision for samplers' states: float64 for closed forms, so that a sample doesn't
    depend on the rounding of its batch. ``device`` is where states live. ``bounds`` is the range of states
    for clipping, or None. ``name`` and ``about`` are for display, and may be empty.
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
        """The shape of one state, without the batch."""
        return self.signal_shape

    @abstractmethod
    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Predict E[x0 | x_t], (B, *state) → (B, *state); differentiable in x_t."""

    def decode(self, z: Tensor) -> Tensor:
        """Decode states, (B, *state) → (B, *signal); differentiable."""
        return z

    def encode(self, x: Tensor) -> Tensor:
        """Encode signals, (B, *signal) → (B, *state); differentiable."""
        return x

    def given(self, labels: Tensor, weight: float = 1.0) -> Prior:  # noqa: ARG002
        """Return this prior conditioned on the class of each row.

        Arguments:
            labels: long (B,).
            weight: of classifier-free guidance (Ho and Salimans 2022): the prediction is that of the null class plus
                ``weight`` times the difference of the class's prediction; 1 uses the class alone.

        Raises:
            PosterityError: if it has no classes, or lacks the null class that the weight needs.
        """
        raise PosterityError(f"a {type(self).__name__} prior has no classes to be conditioned on")

    def rows(self, index: Tensor) -> Prior:  # noqa: ARG002
        """Return the prior of rows ``index`` (long (n,), may repeat); unchanged unless rows have classes."""
        return self

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:  # noqa: ARG002
        """Return the exact posterior of the measurements y (B, *measurement); σ_y in the units of x.

        Raises:
            NoClosedForm: if there is none for this operator.
        """
        raise NoClosedForm(f"a {type(self).__name__} has no closed-form posterior")
