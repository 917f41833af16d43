"""Rename a checkpoint's tensors to the names of `diffusers`, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["Renaming"]


class Renaming:
    """Takes tensors from ``source`` by their old names; ``out`` holds them under the new names."""

    def __init__(self, source: Mapping[str, Tensor], name: str) -> None:
        self.name, self._left = name, dict(source)
        self.out: dict[str, Tensor] = {}

    def take(self, key: str) -> Tensor:
        """Take the tensor ``key``, of any shape; it can be taken once."""
        try:
            return self._left.pop(key)
        except KeyError:
            raise PosterityError(f"{self.name} is of another architecture: missing key {key}") from None

    def has(self, key: str) -> bool:
        return key in self._left

    def move(self, pairs: Mapping[str, str], old: str = "", new: str = "") -> None:
        """Rename weight and bias of each layer ``old + key`` to ``new + value``."""
        for before, after in pairs.items():
            for part in ("weight", "bias"):
                self.out[f"{new}{after}.{part}"] = self.take(f"{old}{before}.{part}")

    def move_all(self, old: str, new: str) -> None:
        """Rename every tensor whose name begins with ``old``, which ``new`` replaces."""
        for key in [key for key in self._left if key.startswith(old)]:
            self.out[new + key.removeprefix(old)] = self._left.pop(key)

    def finish(self) -> dict[str, Tensor]:
        """Return {name: tensor} under the new names; refuse a checkpoint with unexpected keys."""
        if self._left:
            first, more = min(self._left), len(self._left) - 1
            also = f" and {more} more" if more else ""
            raise PosterityError(f"{self.name} is of another architecture: unexpected key {first}{also}")
        return self.out
