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
    """Make ``cls`` a frozen dataclass validated by pydantic: the one source of schema, ranges and docs."""
    return settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)


@dataclass(frozen=True)
class Samples:
    """Restorations and their cost.

    Arguments:
        x: (B, *signal) in [-1, 1]; may overshoot, since nothing is clipped here.
        cost: the measured cost.
        state: the states that were decoded, (B, *state); None where states are signals.
    """

    x: Tensor
    cost: Cost
    state: Tensor | None = None


class Sampler(ABC):
    """A frozen dataclass of settings with an algorithm box, :meth:`run`, and the levels that it visits, :meth:`times`.

    ``needs`` names capabilities of ``Operator.has``, plus "posterior" (the prior's closed form), "noise" (σ_y > 0),
    "noiseless" (σ_y = 0) and "latent" (a latent prior). A sampler that needs "latent" decodes itself; its other needs
    are then about A, not about A∘D.

    ``guidable`` is true if guidance can act on a clean prediction, ``begins_late`` if a run can start from a noisy
    state at a later level. ``follows`` is true if the states at which it calls the denoiser are meant to be draws of
    p(x_t | y), so that `verify` can test the trajectory too. ``couples`` is true if the samples of an item are meant to
    depend on one another, which only wrappers do. ``baseline`` is true if the restorations are not meant to be draws of
    the posterior; `samplers: all` and `verify --all` then omit the method.

    ``quick`` and ``standard`` replace the defaults in the tiers of `verify` with these names, so that a slow sampler
    finishes; contract tests run it with ``quick``.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    guidable: ClassVar[bool] = True
    begins_late: ClassVar[bool] = True
    follows: ClassVar[bool] = False
    couples: ClassVar[bool] = False
    baseline: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    standard: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def times(self, schedule: Schedule) -> list[Level]:  # noqa: ARG002
        """Return the levels of a run in the order of its steps; the last one is where it ends.

        A sampler that iterates over ``problem.steps(self)`` defines them; others have none.
        """
        raise PosterityError(f"{self._called}: it has no levels to walk along")

    def starts(self, problem: Problem) -> list[int] | None:  # noqa: ARG002
        """Return each row's start index (the number of levels walked); None if the sampler doesn't choose it."""
        return None

    @abstractmethod
    def run(self, problem: Problem, noise: Noise) -> Tensor:
        """Return the restorations as states, (B, *state). This is the paper's algorithm box."""

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
            start: (time, state) for a late start, at the first level of the walk that is not noisier.
            watch: called with (step, number of steps, clean prediction).

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
        """Return the name used in errors."""
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
