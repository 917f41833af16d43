"""TrainedDiff: a diffusion network trained for one kind of measurement (Janati et al. 2025, Tables 4 and 16).

SSSD (Alcaraz and Strodthoff 2022) for ECGs: the network sees the measured entries and the mask beside the noised
missing ones, see :mod:`posterity.priors.conditional`, and DDPM steps draw the missing ones. The paper trains one
network for a half that is missing in all leads (TrainedDiff-MB) and one for a half drawn for each lead (-RMB).

The source has 200 levels with β from 1e-4 to 0.02, so ᾱ ends at 0.13, and sampling begins at N(0, I) all the same.
Here ``steps`` levels of the prior's schedule are used. The network is trained on measurements without noise, as the
paper's are in its public code; noisy ones are given to it as they are. Measured entries of a restoration are y.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep
from posterity.errors import PosterityError
from posterity.priors.conditional import Conditional
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["TrainedDiff"]


@settings
class TrainedDiff(Sampler):
    """DDPM with a conditional network as its prior, for inpainting."""

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations, levels of the schedule")] = 200

    needs = frozenset({"mask", "conditional"})
    guidable = False
    begins_late = False
    baseline = True
    quick = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "spaced"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        if not isinstance(problem.prior, Conditional):
            raise PosterityError(
                "sampler traineddiff: needs a conditional network as its prior, in place of a denoiser"
            )
        y, keep = problem.y, problem.operator.where_measured(problem.y)
        given = replace(problem, prior=problem.prior.beside(y, keep))
        x_t = given.begin(noise)
        for step, (t, s) in given.steps(self):
            # predict the missing entries
            found = given.clip(given.predict(x_t, t).x0)
            x0 = given.shown(keep * y + (1 - keep) * found)
            # ancestral step; the last one leaves x0
            move = PosteriorStep.between(t, s)
            x_t = move.mean(x0, x_t)
            if s != CLEAN:
                x_t = x_t + move.std() * noise.normal("step", step)
        return x_t
