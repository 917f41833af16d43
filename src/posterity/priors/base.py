"""What a prior is, and what an exact posterior gives."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.base import Operator

__all__ = ["ExactPosterior", "NoClosedForm", "Prior"]


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
    @abstractmethod
    def mode_probabilities(self) -> Tensor:
        """Probability of each mode given y, shape (B, K), rows summing to 1."""

    @property
    @abstractmethod
    def log_evidence(self) -> Tensor:
        """log p(y), shape (B,); NoClosedForm where the posterior is known and the evidence is not."""

    @abstractmethod
    def sample(self, noise: Noise) -> Tensor:
        """One exact draw for each row of ``noise`` (same rows as the measurements), (B, *signal)."""

    @abstractmethod
    def mode_of(self, x: Tensor) -> Tensor:
        """Most responsible mode of each row of x under the posterior, long (B,)."""


class Prior(ABC):
    """A denoiser over signals of shape ``signal_shape`` in [-1, 1] with a noise schedule.

    ``dtype`` is the precision that samplers should keep their state in: float64 for closed forms,
    so that a sample does not depend on the rounding of the batch it sits in. ``device`` is where it
    must live.
    """

    schedule: Schedule
    signal_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")

    @abstractmethod
    def denoise(self, x_t: Tensor, t: int) -> Tensor:
        """E[x0 | x_t], (B, *signal) → (B, *signal); differentiable in x_t."""

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:  # noqa: ARG002
        """The exact posterior of the measurements y (B, *measurement); σ_y in the units of x.

        Raises:
            NoClosedForm: when this prior has none for this operator.
        """
        raise NoClosedForm(f"a {type(self).__name__} has no closed-form posterior")

    def reverse_variance(self, t: int, beta: float, variance: float) -> float | Tensor:  # noqa: ARG002
        """Variance of the ancestral step from the time t that was denoised last: ``fixed_small``, β̃.

        Networks with learned variance differ: they give one for each scalar, (B, *signal).
        """
        return variance
