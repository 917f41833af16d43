r"""CoPaint-TT: CoPaint with RePaint's time travel (Zhang et al. 2023, Sec. 4.4).

Every stretch of ``jump_length`` levels is undone by forward noising and repeated, so that later
optimised states correct earlier ones. The state is optimised once more at the turning point, before
it is noised. Step size and λ depend on the level alone, so going up reverts their growth.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import travelled
from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import forward_step
from posterity.samplers.base import Problem, settings
from posterity.samplers.copaint import CoPaint

__all__ = ["CoPaintTT"]


@settings
class CoPaintTT(CoPaint):
    """Coherent inpainting with time travel: 489 reverse steps and 24 turning points at the defaults."""

    jump_length: Annotated[int, Field(ge=1, description="levels that a jump goes up")] = 10
    jump_repeat: Annotated[int, Field(ge=1, description="passes over each stretch; 1 is CoPaint")] = 2

    quick = MappingProxyType({"steps": 20, "jump_length": 5})

    def times(self, schedule: Schedule) -> list[Level]:
        levels = [*schedule.grid(self.steps, "spaced"), CLEAN]
        return travelled(levels, self.jump_length, self.jump_repeat)[:-1]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        strengths = self.strengths(problem.schedule)
        x_t, rising = problem.begin(noise), False
        for step, (t, s) in problem.steps(self):
            # optimise the state, but not on the way up
            state = None if rising and s.noise > t.noise else self._optimise(problem, t, strengths[t], x_t)
            rising = s.noise > t.noise
            if rising:
                # undo a step
                x_t = forward_step(x_t if state is None else state.x, noise.normal("undo", step), t, s)
            elif state is not None:
                # deterministic DDIM step
                x_t = self._ddim(problem, t, s, state)
        return problem.clip(x_t, self.clamp)
