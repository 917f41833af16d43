"""The exact posterior of a closed-form prior, as a sampler among the others: the certificate's ground truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["Exact"]


@settings
class Exact(Sampler):
    """Independent draws from p(x0 | y), without any network evaluation.

    Two streams are two independent samplers: their distance is the floor that sampling error sets.
    """

    stream: Annotated[int, Field(ge=0, description="which independent stream of draws")] = 0

    needs = frozenset({"posterior"})
    guidable = False

    def run(
        self,
        problem: Problem,
        noise: Noise,
        start: Start | None,
        guidance: Guidance | None,
        watch: Watch | None,  # noqa: ARG002 - there are no steps to watch
    ) -> Tensor:
        if guidance is not None or start is not None:
            raise PosterityError(
                "sampler exact: has no clean predictions to guide and no time to start at; use it plain"
            )
        posterior = problem.prior.posterior(problem.operator, problem.y, problem.sigma_y)
        # Seeds are 64-bit at most, so no stream meets another one's seed.
        return posterior.sample(replace(noise, seed=noise.seed + (self.stream << 64)))
