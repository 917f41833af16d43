r"""Template: one line with authors and year (title, arXiv number, section, algorithm).

The update, in the source's symbols: the clean prediction is projected onto the measurement,
:math:`\hat x_0' = \hat x_0 + A^+(y - A\hat x_0)`, and noise of the next level is added to it,
:math:`x_s = \sqrt{\bar\alpha_s}\,\hat x_0' + \sqrt{1-\bar\alpha_s}\,z`. With σ_y > 0 this copies the
measurement's noise into the result.

Not copied from the public code: nothing known.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import CLEAN, Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.samplers.base import Problem, Sampler, settings

__all__ = ["Template"]


@settings
class Template(Sampler):
    """Projects every clean prediction onto {x: A x = y}."""

    steps: Annotated[int, Field(ge=1, le=1000, description="network evaluations")] = 100

    needs = frozenset({"pinv"})  # what A must have: adjoint, pinv, svd, linear, mask; noise or noiseless; or nothing
    quick = MappingProxyType({"steps": 20})  # replaces the defaults where it has to be fast: verify --quick, tests

    def times(self, schedule: Schedule) -> list[Level]:
        return [*schedule.grid(self.steps, "strided"), CLEAN]

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        operator, x_t = problem.operator, problem.begin(noise)
        for step, (t, s) in problem.steps(self):
            # predict
            x0 = problem.predict(x_t, t).x0
            # guide
            x0 = problem.guided(x0, t)
            # project
            x0 = x0 + operator.pinv(problem.y - operator(x0))
            # renoise
            x_t = s.signal * x0 + s.noise * noise.normal("step", step)
        return x_t
