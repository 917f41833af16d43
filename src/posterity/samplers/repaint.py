r"""RePaint: replacement of known pixels with resampling (Lugmayr et al. 2022, Alg. 1).

Before each prediction but the first, the known pixels of x_t are overwritten with a freshly noised
measurement. At every jump the walk goes up ``jump_length`` levels, ``jump_repeat`` - 1 times, which
harmonises the unknown region with the known one. Not exact, even for a Gaussian prior.

The result is that of the last reverse step, as published: known pixels are not pasted back, and differ
from y by what the denoiser leaves of the noise √(1-ᾱ_0). Not copied: the official first guided step, which
has no threshold because its mask doesn't exist yet.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import travelled
from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep, forward_step
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["RePaint"]


@settings
class RePaint(Sampler):
    """Replacement with resampling, for noiseless inpainting.

    A run makes 2410 network evaluations at the defaults: 250 levels and 2160 repeated steps.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="levels of the respaced schedule")] = 250
    jump_length: Annotated[int, Field(ge=1, description="levels that a jump goes up")] = 10
    jump_repeat: Annotated[int, Field(ge=1, description="passes over each stretch; 1 is plain replacement")] = 10
    clamp: Annotated[bool, Field(description="clip clean predictions to [-1, 1]")] = True

    needs = frozenset({"mask", "noiseless"})
    follows = True
    quick = MappingProxyType({"steps": 30, "jump_repeat": 2})
    standard = MappingProxyType({"steps": 100, "jump_repeat": 3})

    def times(self, schedule: Schedule) -> list[Level]:
        grid = schedule.grid(self.steps, "spaced")
        # guidance is weighted by the index of the level, not by its time
        numbered = [replace(t, fraction=(self.steps - 1 - k) / self.steps) for k, t in enumerate(grid)]
        return travelled([*numbered, CLEAN], self.jump_length, self.jump_repeat)

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        x_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # undo a step
            if s.noise > t.noise:
                x_t = forward_step(x_t, noise.normal("undo", step), t, s)
                continue
            # replace known pixels: the measurement, noised to the level of x_t
            if step > 0:
                known = problem.operator.where_measured(problem.y)
                noised = t.signal * problem.y + t.noise * noise.normal("known", step)
                x_t = known * noised + (1 - known) * x_t
            # predict
            network = problem.predict(x_t, t)
            x0 = problem.clip(network.x0, self.clamp)
            x0 = problem.clip(problem.guided(x0, t), self.clamp)
            # ancestral step
            move = PosteriorStep.between(t, s)
            x_t = move.mean(x0, x_t)
            if s != CLEAN:
                x_t = x_t + move.std(network.share) * noise.normal("step", step)
        return x_t
