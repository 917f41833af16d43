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
    """Frozen dataclass whose fields pydantic validates."""
    return settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)


class Rule(ABC):
    """Settings with one method; ``reads`` says whether it wants (N, d) features or (N, N) distances."""

    reads: ClassVar[Literal["features", "distances"]] = "distances"

    @abstractmethod
    def choose(self, data: Array, count: int, rng: np.random.Generator) -> list[int]:
        """``count`` distinct indices into the pool, in the order of choice."""


def check(pool: int, count: int) -> None:
    """Raise ValueError unless ``count`` can be chosen out of ``pool``."""
    if not 1 <= count <= pool:
        raise ValueError(f"count {count} is not between 1 and the pool's {pool} samples")
