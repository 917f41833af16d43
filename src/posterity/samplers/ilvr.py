r"""ILVR: iterative latent variable refinement (Choi et al. 2021, Alg. 1).

After every ancestral step to level s the low frequencies are exchanged for those of a noised
reference, :math:`x_s \leftarrow x_s' + \phi(q_s - x_s')` with
:math:`q_s = \sqrt{\bar\alpha_s}\,A^+y + \sqrt{1-\bar\alpha_s}\,z`. The low-pass φ = A⁺A here is the
operator's own, and the reference its pseudo-inverse, so the method runs on any task with a
pseudo-inverse; the published φ downscales and upscales by a factor N.

Replacement in another basis, with its flaw, and with one more: the last step is never conditioned,
so that even noiseless restorations only nearly agree with y. Cohen et al. (2024, App. C) tried it
with every range and dropped it as inconsistent. The public code noises the reference to the level
before the step instead of the one after it, which is not copied.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import PosteriorStep, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["ILVR"]


@settings
class ILVR(Sampler):
    """Iterative latent variable refinement, for noiseless tasks."""

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations, levels of the schedule")] = 100
    last: Annotated[int, Field(ge=0, description="steps from this level down to the cleanest, 0, are free")] = 0
    clamp: Annotated[bool, Field(description="clean predictions are cut to [-1, 1]")] = True

    needs = frozenset({"pinv", "noiseless"})
    follows = True
    quick = MappingProxyType({"steps": 50})
    standard = MappingProxyType({"steps": 250})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        total = len(problem.prior.schedule)
        grid = problem.prior.schedule.grid(self.steps, "spaced")
        walk = transitions([*reversed(grid), -1])
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk, x_t = [(t, s) for t, s in walk if t <= start[0]], start[1]
        operator = problem.operator
        reference = operator.pinv(problem.y)
        for step, (t, s) in enumerate(walk):
            x0 = self._cut(problem.denoise(x_t, t))
            x0 = self._cut(problem.guided(guidance, x0, t / total))
            move = PosteriorStep.between(problem.alpha_bar(t), problem.alpha_bar(s))
            x_t = weighted((move.x0_weight, x0), (move.xt_weight, x_t))
            if s != -1:
                variance = problem.prior.reverse_variance(t, move.beta, move.variance)
                x_t = x_t + variance**0.5 * noise.normal("step", step, problem.shape)
            if t > grid[min(self.last, self.steps - 1)]:
                a_s = problem.alpha_bar(s)
                z = noise.normal("reference", step, problem.shape)
                noised = weighted((math.sqrt(a_s), reference), (math.sqrt(1 - a_s), z))
                x_t = x_t + operator.pinv(operator(noised - x_t))
            if watch is not None:
                watch(step, len(walk), x0)
        return x_t

    def _cut(self, x0: Tensor) -> Tensor:
        return x0.clamp(-1, 1) if self.clamp else x0
