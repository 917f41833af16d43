"""Reference entries beside the samplers on closed-form problems: bounds from both sides, and the moment recursion.

Each is a class with typed settings; the configuration's schema is generated from them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import Field

from posterity.errors import PosterityError
from posterity.samplers.base import Cost, settings

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.certificates.cases import Instance
    from posterity.certificates.toys import Toy
    from posterity.stages._settings import Distance

__all__ = ["REFERENCES", "Reference", "Result", "noise", "seen"]

_PRIOR_DRAWS = 2000


@dataclass(frozen=True)
class Result:
    """One distance; ``diverged`` is the fraction of draws that were replaced by draws from the prior."""

    value: float
    cost: Cost
    diverged: float = 0.0


def seen(toy: Toy, how: Distance, number: int) -> Instance:
    """Return the toy's instance ``number`` in the form that certificates use."""
    from posterity.certificates import cases

    return cases.seen(toy, _PRIOR_DRAWS, "distance", how.seed, number)


def noise(how: Distance, number: int) -> Any:
    """Return the noise of an instance; it is the same for every sampler, so that comparisons are paired."""
    from posterity.certificates.probing import Streams

    return Streams(1_000_000 * how.seed + number, [""] * how.samples, range(how.samples))


Compared = Callable[["Toy", "Distance", int, "Tensor", Cost], Result]
"""(toy, settings of the stage, number of the instance, draws (S, d), their cost) → their distance."""


class Reference(Protocol):
    """Typed settings with one method."""

    def result(self, toy: Toy, how: Distance, number: int, compared: Compared) -> Result:
        """Return the distance on one instance."""


@settings
class Prior:
    """Draws from the prior, which ignore y."""

    def result(self, toy: Toy, how: Distance, number: int, compared: Compared) -> Result:
        """Return the distance of draws from the prior."""
        x = toy.components.draw(how.samples, "instead", how.seed, number)
        return compared(toy, how, number, x, Cost())


@settings
class ExactScore:
    """The ancestral sampler with the posterior's own denoiser."""

    steps: int = Field(1000, ge=2, le=1000, description="number of schedule levels visited")

    def result(self, toy: Toy, how: Distance, number: int, compared: Compared) -> Result:
        """Return the distance of its draws."""
        from posterity.certificates.ancestral import ancestral, as_prior

        exact, began = seen(toy, how, number).exact, time.perf_counter()
        prior = as_prior(exact, toy.prior)  # type: ignore[arg-type]
        x = ancestral(prior, noise(how, number), self.steps).flatten(1)
        return compared(toy, how, number, x, Cost(1, self.steps, seconds=time.perf_counter() - began))


@settings
class FollowedMoments:
    """Moments of midpoint guidance with exact fits, for a Gaussian."""

    eta: float = Field(0.5, ge=0, le=1, description="midpoint, as a fraction of the level")
    steps: int = Field(100, ge=3, le=1000, description="number of levels in the grid")
    backward: Literal["ddpm", "exact"] = "ddpm"
    potential: Literal["dps", "exact"] = "dps"

    def result(self, toy: Toy, how: Distance, number: int, compared: Compared) -> Result:  # noqa: ARG002
        """Return the distance between the two Gaussians in closed form, without draws."""
        from posterity.certificates.recursion import Recursion, posterior, proportional, wasserstein
        from posterity.priors.gaussian import Gaussian

        if not isinstance(toy.prior, Gaussian):
            raise PosterityError("method recursion needs the Gaussian toy; two moments say little about a mixture")
        exact = posterior(toy.prior, toy.matrix, toy.y[0], toy.sigma_y)
        followed = Recursion(toy.prior, toy.matrix, toy.y[0], toy.sigma_y, self.steps, self.backward, self.potential)
        return Result(wasserstein(followed.moments(proportional(self.eta)), exact), Cost())


REFERENCES: Mapping[str, type[Any]] = {
    "prior": Prior,
    "exact_score": ExactScore,
    "recursion": FollowedMoments,
}
