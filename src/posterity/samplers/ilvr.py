r"""ILVR: iterative latent variable refinement (Choi et al. 2021, Alg. 1).

After every ancestral step to level s, the low frequencies are replaced by those of a noised reference,
:math:`x_s \leftarrow x_s' + \phi(q_s - x_s')` with
:math:`q_s = \sqrt{\bar\alpha_s}\,A^+y + \sqrt{1-\bar\alpha_s}\,z`. The published low-pass φ downscales
and upscales by a factor N. Here φ = A⁺A and the reference is A⁺y, so the method runs on any task with
a pseudo-inverse.

This is replacement in another basis and shares its bias. In addition, the last step is never
conditioned, so even noiseless restorations only nearly agree with y. Cohen et al. (2024, App. C) tried it
with every range and dropped it as inconsistent. Not copied: the public code noises the reference to the
level before the step instead of the one after it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep, renoise
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["ILVR"]


@settings
class ILVR(Sampler):
    """Iterative latent variable refinement, for noiseless tasks."""

    steps: Annotated[int, Field(ge=2, le=1000, description="network evaluations, levels of the schedule")] = 100
    last: Annotated[int, Field(ge=0, description="steps from this level down to level 0 are unconditioned")] = 0
    clamp: Annotated[bool, Field(description="clip clean predictions to [-1, 1]")] = True

    needs = frozenset({"pinv", "noiseless"})
    follows = True
    quick = MappingProxyType({"steps": 50})
    standard = MappingProxyType({"steps": 250})

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "spaced"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        operator = problem.operator
        reference = operator.pinv(problem.y)
        levels = self.times(problem.schedule)[:-1]
        free_from = levels[::-1][min(self.last, self.steps - 1)]
        x_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict
            network = problem.predict(x_t, t)
            x0 = problem.clip(network.x0, self.clamp)
            x0 = problem.clip(problem.guided(x0, t), self.clamp)
            # ancestral step
            move = PosteriorStep.between(t, s)
            x_t = move.mean(x0, x_t)
            if s != CLEAN:
                x_t = x_t + move.std(network.share) * noise.normal("step", step)
            # replace the low frequencies by those of the noised reference
            if t.noise > free_from.noise:
                noised = renoise(s, reference, (s.noise, noise.normal("reference", step)))
                x_t = x_t + operator.pinv(operator(noised - x_t))
        return x_t
