"""The contract of an autoencoder: a pair of differentiable maps in the units of states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

__all__ = ["Autoencoder"]


class Autoencoder(ABC):
    """D from states to signals and E back; a scale between a network's codes and states is inside both.

    ``affine`` says that D(z) = c + Vz with E(D(z)) = z, so that posteriors stay known through it.
    """

    signal_shape: tuple[int, ...]
    state_shape: tuple[int, ...]
    affine: ClassVar[bool] = False

    @abstractmethod
    def decode(self, z: Tensor, /) -> Tensor:
        """Return the signals of states, (B, *state) → (B, *signal)."""

    @abstractmethod
    def encode(self, x: Tensor, /) -> Tensor:
        """Return the states of signals, (B, *signal) → (B, *state)."""
