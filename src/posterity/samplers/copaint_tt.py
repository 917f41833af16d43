r"""CoPaint-TT: CoPaint with RePaint's time travel (Zhang et al. 2023, Sec. 4.4).

Every stretch of ``jump_length`` levels is undone by forward noising and done again, so that later
optimised states correct earlier ones. Before it goes up the state is optimised once more, at the
level where it turns. Step size and λ are functions of the level alone: going up takes back their growth.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import time_travel, transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import PosteriorStep
from posterity.samplers.base import Guidance, Problem, Start, Watch, settings
from posterity.samplers.copaint import CoPaint

__all__ = ["CoPaintTT"]


@settings
class CoPaintTT(CoPaint):
    """Coherent inpainting with time travel: 489 reverse steps and 24 turns at the defaults."""

    jump_length: Annotated[int, Field(ge=1, description="levels that a jump goes up")] = 10
    jump_repeat: Annotated[int, Field(ge=1, description="passes over each stretch; 1 is CoPaint")] = 2

    quick = MappingProxyType({"steps": 20, "jump_length": 5})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        grid = problem.prior.schedule.grid(self.steps, "spaced")
        walk = transitions(time_travel(self.steps, self.jump_length, self.jump_repeat)[:-1])
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk = walk[next(i for i, (now, _) in enumerate(walk) if grid[now] <= start[0]) :]
            x_t = start[1]
        rising = False
        for step, (now, nxt) in enumerate(walk):
            if nxt > now:
                if not rising:
                    x_t = self._optimise(problem, grid, now, x_t).x
                x_t, rising = self._undo(problem, noise, step, grid[now], grid[nxt], x_t), True
                continue
            state, rising = self._optimise(problem, grid, now, x_t), False
            x_t, x0 = self._ddim(problem, grid, now, nxt, state, guidance)
            if watch is not None:
                watch(step, len(walk), x0)
        return self._cut(x_t)

    def _undo(self, problem: Problem, noise: Noise, step: int, t: int, s: int, x_t: Tensor) -> Tensor:
        """One forward step from t up to s > t."""
        beta = PosteriorStep.between(problem.alpha_bar(s), problem.alpha_bar(t)).beta
        return math.sqrt(1 - beta) * x_t + math.sqrt(beta) * noise.normal("undo", step, problem.shape)
