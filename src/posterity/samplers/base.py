"""The sampler's contract: problem and noise in, restorations and their measured cost out."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from posterity.capabilities import missing
from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.samplers.cost import Cost
from posterity.samplers.problem import Guidance, Problem, Start, Watch

__all__ = ["Cost", "Guidance", "Problem", "Sampler", "Samples", "Start", "Watch", "settings"]

_OF_OPERATORS = frozenset({"linear", "adjoint", "pinv", "svd", "mask"})


def settings(cls: type) -> Any:
    """Frozen dataclass whose fields pydantic validates: the one source of schema, ranges and docs."""
    return settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)


@dataclass(frozen=True)
class Samples:
    """Restorations and what they cost.

    Arguments:
        x: (B, *signal) in [-1, 1] up to overshoot, never clipped here.
        cost: measured.
        state: (B, *state) that was decoded; None where states are signals.
    """

    x: Tensor
    cost: Cost
    state: Tensor | None = None


class Sampler(ABC):
    """A frozen dataclass of settings with an algorithm box, :meth:`run`, and the levels that it visits, :meth:`times`.

    ``needs`` names what the operator must have, out of ``Operator.has``, plus "posterior" (the
    prior's closed form), "noise" (σ_y > 0), "noiseless" (σ_y = 0) and "latent" (a prior whose states are codes of
    signals). A sampler that needs "latent" decodes by itself: what else it needs is of A, not of A∘D.

    ``guidable`` says whether there is a clean prediction that guidance can act on, ``begins_late`` whether there is a
    noisy state to begin late from. ``follows`` says whether the points at which it asks the prior are meant to follow
    the law of x_t given y, so that `verify` can look at the way too. ``couples`` says that the samples of an
    item are meant to depend on one another, which only wrappers do.

    ``quick`` and ``standard`` are settings that the tiers of `verify` of these names give in place of the
    defaults, so that a slow sampler ends; the tests of the contract run it with ``quick``.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    guidable: ClassVar[bool] = True
    begins_late: ClassVar[bool] = True
    follows: ClassVar[bool] = False
    couples: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    standard: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def times(self, schedule: Schedule) -> list[Level]:  # noqa: ARG002
        """Return the levels of a run in the order of its steps, the one where it ends last.

        A sampler that walks along ``problem.steps(self)`` says them; others have none.
        """
        raise PosterityError(f"{self._called}: it has no levels to walk along")

    def starts(self, problem: Problem) -> list[int] | None:  # noqa: ARG002
        """Return the start index of each row, how many levels of its walk are walked; None where that is not chosen."""
        return None

    @abstractmethod
    def run(self, problem: Problem, noise: Noise) -> Tensor:
        """Return the restorations as states, (B, *state): the algorithm box."""

    def sample(
        self,
        problem: Problem,
        noise: Noise,
        *,
        start: Start | None = None,
        watch: Watch | None = None,
    ) -> Samples:
        """Restore every row of ``problem``.

        Arguments:
            problem: what to invert.
            noise: normal draws for the same rows.
            start: (time, state) to begin late, at the first level of the walk that is not noisier.
            watch: called with (step, steps, clean prediction).

        Raises:
            PosterityError: when the sampler cannot do the problem.
        """
        cost = Cost(restorations=len(problem))
        problem = replace(problem, cost=cost, start=start, watch=watch).of_states()
        self._refuse(problem)
        began = time.perf_counter()
        with torch.no_grad():
            state = self.run(problem, noise.shaped(problem.shape))
            x = problem.decode(state)
        cost.seconds = time.perf_counter() - began
        if x.is_cuda:
            cost.peak_bytes = torch.cuda.max_memory_allocated(x.device)
        return Samples(x, cost, state if problem.prior.latent else None)

    @property
    def _called(self) -> str:
        """Return the name that errors use."""
        return f"sampler {type(self).__name__.lower()}"

    def _refuse(self, problem: Problem) -> None:
        latent = "latent" in self.needs
        if latent and not problem.prior.latent:
            raise PosterityError(f"{self._called}: needs a latent prior; this one's states are signals")
        operator = problem.signal_operator if latent else problem.operator
        lacking = missing(self.needs & _OF_OPERATORS, operator.has)
        if lacking:
            raise PosterityError(f"{self._called}: needs {', '.join(lacking)}, which {operator} lacks")
        if problem.guidance is not None and not self.guidable:
            raise PosterityError(f"{self._called}: has no clean prediction that guidance could move; use it plain")
        if problem.start is not None and not self.begins_late:
            raise PosterityError(f"{self._called}: has no noisy state to begin late from; use it plain")
