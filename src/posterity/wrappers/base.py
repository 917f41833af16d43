"""The wrapper's contract: a wrapper goes around any sampler that has a place for it, and acts as a sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.samplers.base import Problem, Sampler

__all__ = ["Wrapped", "Wrapper", "called", "place"]

_PLACES: Mapping[str, str] = MappingProxyType(
    {"guidable": "clean prediction to move", "begins_late": "noisy state to begin late from"}
)
"""What a wrapper may need of a sampler: {attribute: what a sampler lacks if it is False}."""


class Wrapper(ABC):
    """A frozen dataclass of settings that changes a sampler's input.

    ``needs`` names attributes the sampler must have: "guidable", "begins_late". ``couples`` is true if the
    samples of an item are meant to depend on one another, which `verify` then doesn't count as an error.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    couples: ClassVar[bool] = False

    def starts(self, sampler: Sampler, problem: Problem) -> list[int] | None:  # noqa: ARG002
        """Return the start index of each row; None if this wrapper doesn't choose it."""
        return None

    @abstractmethod
    def around(self, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        """Run ``sampler`` on the changed input; return the restorations as states, (B, *state)."""


@dataclass(frozen=True)
class Wrapped(Sampler):
    """A sampler with wrappers: the first goes around the sampler, the next around both.

    ``needs``, ``guidable`` and so on are those of the sampler inside.
    """

    sampler: Sampler
    wrappers: tuple[Wrapper, ...] = ()

    def __post_init__(self) -> None:
        kinds = [type(wrapper) for wrapper in self.wrappers]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise PosterityError(f"wrapper {called(kind)}: goes around {self._called} twice; once is enough")
            if lacking := place(kind, self.sampler):
                raise PosterityError(f"wrapper {called(kind)}: {self._called} has no {lacking}; use it plain")
        for name in ("needs", "guidable", "begins_late", "follows"):
            object.__setattr__(self, name, getattr(self.sampler, name))
        object.__setattr__(self, "couples", self.sampler.couples or any(kind.couples for kind in kinds))

    def times(self, schedule: Schedule) -> list[Level]:
        return self.sampler.times(schedule)

    def starts(self, problem: Problem) -> list[int] | None:
        found = (wrapper.starts(self.sampler, problem) for wrapper in self.wrappers)
        return next((starts for starts in found if starts is not None), None)

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        if not self.wrappers:
            return self.sampler.run(problem, noise)
        *inner, outermost = self.wrappers
        return outermost.around(Wrapped(self.sampler, tuple(inner)), problem, noise)

    @property
    def _called(self) -> str:
        return self.sampler._called


def called(wrapper: type[Wrapper]) -> str:
    """Return the wrapper's name, which is its file name."""
    return wrapper.__module__.rpartition(".")[2]


def place(wrapper: type[Wrapper], sampler: Sampler | type[Sampler]) -> str:
    """Return in words what the wrapper needs and the sampler lacks; "" if nothing."""
    return " and no ".join(_PLACES[need] for need in sorted(wrapper.needs) if not getattr(sampler, need))
