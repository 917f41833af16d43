"""The exact posterior mean of a closed-form prior: the restoration with the least mean squared error.

A baseline: it has no spread, and usually looks like no signal of the prior.
"""

from __future__ import annotations

from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["PosteriorMean"]


@settings
class PosteriorMean(Sampler):
    """E[x0 given y], without any network evaluation; all samples of an item are the same."""

    needs = frozenset({"posterior"})
    guidable = False
    begins_late = False
    baseline = True

    def run(self, problem: Problem, noise: Noise) -> Tensor:  # noqa: ARG002 - it draws nothing
        return problem.prior.posterior(problem.operator, problem.y, problem.sigma_y).mean.clone()
