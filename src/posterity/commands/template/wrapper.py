"""Template: in one line, with authors and year. The best of several runs, by its misfit to the measurement."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.samplers.base import Problem, Sampler, settings
from posterity.wrappers.base import Wrapper

__all__ = ["Template"]


@settings
class Template(Wrapper):
    """Runs the sampler several times and keeps, per row, the sample with the smallest misfit to the measurement."""

    tries: Annotated[int, Field(ge=2, le=100, description="number of runs, each with independent noise")] = 2

    def around(self, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        states = torch.stack([sampler.run(problem, noise.stream(k)) for k in range(self.tries)])
        misfits = torch.stack([(problem.operator(x) - problem.y).flatten(1).square().sum(1) for x in states])
        return states[misfits.argmin(0), torch.arange(len(problem.y))]
