r"""Template: in one line, with authors and year (title, arXiv number, section, algorithm).

The update, in the source's symbols: the clean prediction is projected on the measurement,
:math:`\hat x_0' = \hat x_0 + A^+(y - A\hat x_0)`, and noise of the next level is added to it,
:math:`x_s = \sqrt{\bar\alpha_s}\,\hat x_0' + \sqrt{1-\bar\alpha_s}\,z`. With σ_y > 0 this copies the
measurement's noise into the result.

Deviations of public code that are not copied: none known.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.grids import transitions
from posterity.diffusion.noise import Noise
from posterity.samplers.base import Guidance, Problem, Sampler, Start, Watch, settings

__all__ = ["Template"]


@settings
class Template(Sampler):
    """Projects every clean prediction on the measurement."""

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations")] = 100

    needs = frozenset({"pinv"})  # what A must have: adjoint, pinv, svd, linear, mask; noise or noiseless; or nothing
    quick = MappingProxyType({"steps": 20})  # in place of the defaults where it has to end soon: verify --quick, tests

    def run(
        self, problem: Problem, noise: Noise, start: Start | None, guidance: Guidance | None, watch: Watch | None
    ) -> Tensor:
        total, operator = len(problem.prior.schedule), problem.operator
        walk = transitions([*reversed(problem.prior.schedule.grid(self.steps, "strided")), -1])
        x_t = noise.normal("init", 0, problem.shape)
        if start is not None:
            walk, x_t = [(t, s) for t, s in walk if t <= start[0]], start[1]
        for step, (t, s) in enumerate(walk):
            # predict
            x0 = problem.guided(guidance, problem.denoise(x_t, t), t / total)
            # project
            x0 = x0 + operator.pinv(problem.y - operator(x0))
            # renoise
            a_s = problem.alpha_bar(s)
            x_t = math.sqrt(a_s) * x0 + math.sqrt(1 - a_s) * noise.normal("step", step, problem.shape)
            if watch is not None:
                watch(step, len(walk), x0)
        return x_t
