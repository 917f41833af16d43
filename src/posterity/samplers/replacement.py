r"""Replacement: known pixels are overwritten by a noised measurement at every step (Song et al. 2021, inpainting).

Two forms of the oldest idea. ``ancestral`` takes a DDPM step to level s and then sets the known
pixels to :math:`\sqrt{\bar\alpha_s}\,y + \sqrt{1-\bar\alpha_s}\,z`; its last step leaves y itself there.
``blended`` is the baseline that CoPaint (Zhang et al. 2023) compares with: the known pixels are
overwritten before every network evaluation with a copy of y that is noised once a level, the step is
deterministic DDIM, and the state at level 0 (noise 0.01) is cut to the range and returned.

Neither is exact: the unknown pixels never learn that the known ones will be replaced, which
RePaint's resampling repairs in part.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import PosteriorStep, predicted_noise, weighted
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

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
    clamp: Annotated[bool, Field(description="clean predictions are cut to [-1, 1]; blended, the result too")] = True

    needs = frozenset({"mask", "noiseless"})
    follows = True
    quick = MappingProxyType({"steps": 50})

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        blended, total = self.form == "blended", len(problem.prior.schedule)
        levels = [*reversed(problem.prior.schedule.grid(self.steps, "spaced"))]
        walk = transitions(levels if blended else [*levels, -1])
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk, x_t = [(t, s) for t, s in walk if t <= start[0]], start[1]
        for step, (t, s) in enumerate(walk):
            if blended:
                x_t = self._replace(problem, noise, step, t, x_t)
            network = problem.denoise(x_t, t)
            x0 = self._cut(problem.guided(guidance, self._cut(network), t / total))
            if blended:
                eps, a_s = predicted_noise(x_t, network, problem.alpha_bar(t)), problem.alpha_bar(s)
                x_t = weighted((math.sqrt(a_s), x0), (math.sqrt(1 - a_s), eps))
            else:
                x_t = self._replace(problem, noise, step, s, self._ancestral(problem, noise, step, t, s, x0, x_t))
            if watch is not None:
                watch(step, len(walk), x0)
        return self._cut(x_t)

    def _ancestral(self, problem: Problem, noise: Noise, step: int, t: int, s: int, x0: Tensor, x_t: Tensor) -> Tensor:
        """DDPM step from t to s."""
        move = PosteriorStep.between(problem.alpha_bar(t), problem.alpha_bar(s))
        mean = weighted((move.x0_weight, x0), (move.xt_weight, x_t))
        if s == -1:
            return mean
        variance = problem.prior.reverse_variance(t, move.beta, move.variance)
        return mean + variance**0.5 * noise.normal("step", step, problem.shape)

    def _replace(self, problem: Problem, noise: Noise, step: int, t: int, x_t: Tensor) -> Tensor:
        """Known pixels become the measurement at the noise level of time t; at -1, the measurement itself."""
        a_t, known = problem.alpha_bar(t), problem.operator.where_measured(problem.y)
        noised = math.sqrt(a_t) * problem.y
        if t != -1:
            noised = noised + math.sqrt(1 - a_t) * noise.normal("known", step, problem.shape)
        return known * noised + (1 - known) * x_t

    def _cut(self, x0: Tensor) -> Tensor:
        return x0.clamp(-1, 1) if self.clamp else x0
