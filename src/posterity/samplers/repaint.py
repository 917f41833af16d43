r"""RePaint: known pixels are replaced at every step, and steps are undone and redone (Lugmayr et al. 2022, Alg. 1).

The known pixels of x_t are overwritten by a freshly noised measurement before each prediction
(but the first); the walk goes up ``jump_length`` levels ``jump_repeat`` - 1 times at every jump, so
that the unknown region agrees with the known one. Not exact, even for a Gaussian prior.

The result is the last reverse step's, as published: known pixels are not pasted back, and differ
from y by what the denoiser makes of noise of level √(1-ᾱ_0). The official first guided step, which
has no threshold because its mask is not there yet, is not copied.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import time_travel, transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import PosteriorStep, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["RePaint"]


@settings
class RePaint(Sampler):
    """Replacement with resampling, for noiseless inpainting.

    A run makes 2410 network evaluations at the defaults: 250 levels and 2160 redone steps.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="levels of the respaced schedule")] = 250
    jump_length: Annotated[int, Field(ge=1, description="levels that a jump goes up")] = 10
    jump_repeat: Annotated[int, Field(ge=1, description="passes over each stretch; 1 is plain replacement")] = 10
    clamp: Annotated[bool, Field(description="clean predictions are cut to [-1, 1]")] = True

    needs = frozenset({"mask", "noiseless"})
    follows = True
    quick = MappingProxyType({"steps": 30, "jump_repeat": 2})
    standard = MappingProxyType({"steps": 100, "jump_repeat": 3})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        grid = problem.prior.schedule.grid(self.steps, "spaced")
        walk = transitions(time_travel(self.steps, self.jump_length, self.jump_repeat))
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk = walk[next(i for i, (now, _) in enumerate(walk) if grid[now] <= start[0]) :]
            x_t = start[1]
        for step, (now, nxt) in enumerate(walk):
            t, s = grid[now], -1 if nxt == -1 else grid[nxt]
            if nxt > now:
                x_t = self._undo(problem, noise, step, t, s, x_t)
                continue
            if step > 0:
                x_t = self._replace(problem, noise, step, t, x_t)
            x0 = self._cut(problem.denoise(x_t, t))
            x0 = self._cut(problem.guided(guidance, x0, now / self.steps))
            move = PosteriorStep.between(problem.alpha_bar(t), problem.alpha_bar(s))
            x_t = weighted((move.x0_weight, x0), (move.xt_weight, x_t))
            if s != -1:
                variance = problem.prior.reverse_variance(t, move.beta, move.variance)
                x_t = x_t + variance**0.5 * noise.normal("step", step, problem.shape)
            if watch is not None:
                watch(step, len(walk), x0)
        return x_t

    def _replace(self, problem: Problem, noise: Noise, step: int, t: int, x_t: Tensor) -> Tensor:
        """Known pixels become the measurement at the noise level of x_t."""
        a_t = problem.alpha_bar(t)
        known = problem.operator.where_measured(problem.y)
        noised = math.sqrt(a_t) * problem.y + math.sqrt(1 - a_t) * noise.normal("known", step, problem.shape)
        return known * noised + (1 - known) * x_t

    def _undo(self, problem: Problem, noise: Noise, step: int, t: int, s: int, x_t: Tensor) -> Tensor:
        """One forward step from t up to s > t."""
        beta = PosteriorStep.between(problem.alpha_bar(s), problem.alpha_bar(t)).beta
        return math.sqrt(1 - beta) * x_t + math.sqrt(beta) * noise.normal("undo", step, problem.shape)

    def _cut(self, x0: Tensor) -> Tensor:
        return x0.clamp(-1, 1) if self.clamp else x0
