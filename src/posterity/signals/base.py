"""The contract of a kind of signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Kind", "Picture"]

Picture = NDArray[np.uint8]
"""(H, W, 3), 8 bits per channel."""


@dataclass(frozen=True)
class Kind(ABC):
    """Facts about the signals of a dataset.

    ``noun`` is the word for a signal in messages, ``unit`` the unit of its values, ``bounds`` are the least and largest
    value or None, and ``flips`` is true if a mirrored signal is a valid signal.

    Arguments:
        rate: samples per second along the last axis; None for images.
    """

    rate: float | None = None
    name: ClassVar[str]
    noun: ClassVar[str]
    unit: ClassVar[str | None] = None
    bounds: ClassVar[tuple[float, float] | None] = None
    flips: ClassVar[bool] = False

    @abstractmethod
    def shape(self, size: int) -> tuple[int, ...]:
        """Return the shape of a dataset's signals; ``size`` is pixels per side, or samples in time."""

    @abstractmethod
    def fits(self, shape: Sequence[int]) -> bool:
        """Return True if a signal of this kind can have this shape."""

    @abstractmethod
    def picture(self, x: Tensor) -> Picture:
        """Draw one signal, (*signal) → (H, W, 3)."""
