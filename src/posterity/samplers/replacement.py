r"""Replacement: known pixels are overwritten by a noised measurement at every step (Song et al. 2021, inpainting).

``ancestral`` takes a DDPM step to level s and then sets the known pixels to
:math:`\sqrt{\bar\alpha_s}\,y + \sqrt{1-\bar\alpha_s}\,z`; its last step leaves y itself there.
``blended`` is CoPaint's baseline (Zhang et al. 2023): the known pixels are overwritten before every
network evaluation with a copy of y noised once per level, the step is deterministic DDIM, and the state
at level 0 (noise 0.01) is clipped to [-1, 1] and returned.

Neither is exact: steps of the unknown pixels ignore that the known ones will be replaced, which RePaint's
resampling repairs in part.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep, predicted_noise, renoise
from posterity.priors.base import Prediction
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["Replacement"]


@settings
class Replacement(Sampler):
    """Replacement of known pixels, for noiseless inpainting.

    The ancestral form makes ``steps`` network evaluations, the blended one ``steps`` - 1.
    """

    steps: Annotated[int, Field(ge=2, le=1000, description="levels of the respaced schedule")] = 250
    form: Annotated[
        Literal["ancestral", "blended"],
        Field(description="DDPM steps with replacement after each, or DDIM steps with replacement before each"),
    ] = "ancestral"
    clamp: Annotated[bool, Field(description="clip clean predictions to [-1, 1], and the result if blended")] = True

    needs = frozenset({"mask", "noiseless"})
    follows = True
    quick = MappingProxyType({"steps": 50})

    def times(self, schedule: Schedule) -> list[Level]:
        levels = schedule.grid(self.steps, "spaced")
        return levels if self.form == "blended" else [*levels, CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        x_t = problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            if self.form == "blended":
                # replace, then a deterministic DDIM step
                x_t = self._replace(problem, noise, step, t, x_t)
                network, x0 = self._predict(problem, x_t, t)
                x_t = renoise(s, x0, (s.noise, predicted_noise(x_t, network.x0, t)))
                continue
            # ancestral step, then replace
            network, x0 = self._predict(problem, x_t, t)
            move = PosteriorStep.between(t, s)
            x_t = move.mean(x0, x_t)
            if s != CLEAN:
                x_t = x_t + move.std(network.share) * noise.normal("step", step)
            x_t = self._replace(problem, noise, step, s, x_t)
        return problem.clip(x_t, self.clamp)

    def _predict(self, problem: Problem, x_t: Tensor, t: Level) -> tuple[Prediction, Tensor]:
        """Return (the prior's prediction, the clipped and guided clean prediction (B, *signal))."""
        network = problem.predict(x_t, t)
        x0 = problem.clip(network.x0, self.clamp)
        return network, problem.clip(problem.guided(x0, t), self.clamp)

    def _replace(self, problem: Problem, noise: Noise, step: int, t: Level, x_t: Tensor) -> Tensor:
        """Return x_t with known pixels set to y at the noise of level t (y itself at the clean level), (B, *signal)."""
        known = problem.operator.where_measured(problem.y)
        noised = t.signal * problem.y
        if t != CLEAN:
            noised = noised + t.noise * noise.normal("known", step)
        return known * noised + (1 - known) * x_t
