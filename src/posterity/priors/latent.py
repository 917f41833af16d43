"""A latent prior: what diffuses is a code z, what people see is D(z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.priors.around import Around
from posterity.priors.base import ExactPosterior, NoClosedForm, Prior

__all__ = ["Autoencoder", "Latent", "Orthonormal"]


class Autoencoder(Protocol):
    """A pair of differentiable maps between signals and states."""

    signal_shape: tuple[int, ...]

    def decode(self, z: Tensor, /) -> Tensor:
        """(B, *state) → (B, *signal)."""

    def encode(self, x: Tensor, /) -> Tensor:
        """(B, *signal) → (B, *state)."""


@dataclass(frozen=True)
class Orthonormal:
    """D(z) = Q z with orthonormal columns, and the encoder Qᵀ.

    Arguments:
        matrix: Q, (d, k), of d numbers of a signal and k of a state; anything else is refused.
        signal_shape: of one signal.
        state_shape: of one state.
    """

    matrix: Tensor
    signal_shape: tuple[int, ...]
    state_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = tuple(torch.Size(each).numel() for each in (self.signal_shape, self.state_shape))
        if tuple(self.matrix.shape) != shape:
            raise PosterityError(f"a decoder's matrix has shape {tuple(self.matrix.shape)}, expected {shape}")
        off = float((self.matrix.T @ self.matrix - torch.eye(shape[1]).to(self.matrix)).abs().max())
        if not off < 1e-5:
            raise PosterityError(f"a decoder's matrix has columns that are not orthonormal: QᵀQ is {off:.1g} off I")

    def decode(self, z: Tensor, /) -> Tensor:
        return (z.flatten(1) @ self.matrix.T.to(z)).unflatten(1, self.signal_shape)

    def encode(self, x: Tensor, /) -> Tensor:
        return (x.flatten(1) @ self.matrix.to(x)).unflatten(1, self.state_shape)


class Latent(Around):
    """The signals D(z) of the states z of any prior; states have no bounds.

    Arguments:
        prior: of the states.
        autoencoder: from states to signals and back.
    """

    def __init__(self, prior: Prior, autoencoder: Autoencoder) -> None:
        super().__init__(prior)
        self.autoencoder, self.signal_shape = autoencoder, autoencoder.signal_shape
        self.latent, self.bounds = True, None

    def decode(self, z: Tensor) -> Tensor:
        return self.autoencoder.decode(z)

    def encode(self, x: Tensor) -> Tensor:
        return self.autoencoder.encode(x)

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:  # noqa: ARG002
        raise NoClosedForm("a latent prior has no closed-form posterior")
