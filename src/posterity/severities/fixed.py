"""One start time for all measurements, from an untrained estimate.

With the first state ``noised`` this is the start of Come-Closer-Diffuse-Faster (Chung et al. 2022), and Flash's
non-adaptive ablation.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from posterity.errors import PosterityError
from posterity.samplers.base import settings
from posterity.samplers.problem import Problem
from posterity.samplers.severity import Severity
from posterity.severities.base import Estimator

__all__ = ["Fixed"]


@settings
class Fixed(Estimator):
    """One time for all items; the estimate is the encoded Aᵀy or A⁺y."""

    time: Annotated[int, Field(ge=0, le=999, description="of the prior's schedule: v̂ is its noise over its signal; "
                               "of 1000 levels so many are walked")]  # fmt: skip
    by: Annotated[Literal["adjoint", "pinv"], Field(description="ẑ is E(Aᵀy) or E(A⁺y), hidden entries being 0")] = (
        "adjoint"
    )

    def estimate(self, problem: Problem) -> Severity:
        operator = problem.signal_operator
        if self.by not in operator.has:
            raise PosterityError(f"severity fixed: needs {self.by}, which {operator} lacks")
        if self.time >= len(problem.schedule):
            raise PosterityError(f"severity fixed: time {self.time} is beyond the schedule's {len(problem.schedule)}")
        image: Tensor = getattr(operator, self.by)(operator.where_measured(problem.y) * problem.y)
        variance = 1 / problem.schedule.level(self.time).snr
        return Severity(problem.encode(image), torch.full_like(problem.y.flatten(1)[:, 0], variance))
