"""Moves a checkpoint's tensors to the names of `diffusers`, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["Renaming"]


class Renaming:
    """Takes tensors out of ``source`` by their old names; ``out`` holds them under the new ones."""

    def __init__(self, source: Mapping[str, Tensor], name: str) -> None:
        self.name, self._left = name, dict(source)
        self.out: dict[str, Tensor] = {}

    def take(self, key: str) -> Tensor:
        """Return the tensor ``key``, which nothing else may take."""
        try:
            return self._left.pop(key)
        except KeyError:
            raise PosterityError(f"{self.name} is of another architecture: it lacks {key}") from None

    def has(self, key: str) -> bool:
        return key in self._left

    def move(self, pairs: Mapping[str, str], old: str = "", new: str = "") -> None:
        """Weight and bias of each layer ``old + key`` become those of ``new + value``."""
        for before, after in pairs.items():
            for part in ("weight", "bias"):
                self.out[f"{new}{after}.{part}"] = self.take(f"{old}{before}.{part}")

    def finish(self) -> dict[str, Tensor]:
        """Everything under its new name; refuses a checkpoint that has more."""
        if self._left:
            first, more = min(self._left), len(self._left) - 1
            also = f" and {more} more keys" if more else ""
            raise PosterityError(f"{self.name} is of another architecture: it has {first}{also} too much")
        return self.out
