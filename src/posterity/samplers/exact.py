"""The exact posterior of a closed-form prior as a sampler: the ground truth of certificates."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["Exact"]


@settings
class Exact(Sampler):
    """Independent draws from p(x0 | y), without any network evaluation.

    Two streams act as two independent samplers: their distance is the floor set by sampling error.
    """

    stream: Annotated[int, Field(ge=0, description="which independent stream of draws")] = 0

    needs = frozenset({"posterior"})
    guidable = False
    begins_late = False

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        posterior = problem.prior.posterior(problem.operator, problem.y, problem.sigma_y)
        return posterior.sample(noise.stream(self.stream))
