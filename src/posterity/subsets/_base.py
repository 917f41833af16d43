"""The rule's contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as settings_dataclass

__all__ = ["Rule", "check", "settings"]

Array = NDArray[np.floating[Any]]


def settings(cls: type) -> Any:
    """Make ``cls`` a frozen dataclass validated by pydantic."""
    return settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)


class Rule(ABC):
    """Settings with one method; ``reads`` selects its input: features (N, d) or distances (N, N)."""

    reads: ClassVar[Literal["features", "distances"]] = "distances"

    @abstractmethod
    def choose(self, data: Array, count: int, rng: np.random.Generator) -> list[int]:
        """Return ``count`` distinct indices into the pool, in order of choice; ``data`` is (N, d) or (N, N)."""


def check(pool: int, count: int) -> None:
    """Raise ValueError unless ``count`` samples can be chosen from ``pool``."""
    if not 1 <= count <= pool:
        raise ValueError(f"count {count} is not between 1 and the pool's {pool} samples")
