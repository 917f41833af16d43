r"""Flash: start late, where the noise is as strong as the error of a first estimate (Fabian et al. 2023, Sec. 3).

A severity is an estimate ẑ of the state and a variance v̂ of its error. On the sampler's own levels, the cleanest first,
the start index is :math:`t = \arg\min_j |\mathrm{snr}_j - 1/\hat v|`, the first of equals, and the levels t-1, …, 0 are
walked: t steps. With t = 0 the first state is the result. The walk begins at

.. math:: z = \sqrt{1 - c\hat v}\;\hat z + \sqrt{c\hat v}\;\xi

(``paper``); at :math:`\hat z/\sqrt{1 + \hat v}`, which for an unbiased estimate with white errors has exactly the law
of a state with :math:`\bar\alpha = 1/(1 + \hat v)` (``calibrated``); or at :math:`\sqrt{\bar\alpha}\,\hat z +
\sqrt{1-\bar\alpha}\,\xi` of the first level, as where a restoration of somebody else's is noised (``noised``).
Beside them stands :math:`\hat z + \sqrt{c\hat v}\,\xi` itself, decoded without a call (``added``): what white noise
alone makes of the estimate. With ``time`` all items begin at one time, from the same estimates (App. B).
Wrappers that change the noise, such as coupled noise, go around this one if they are to change ξ too.

The paper writes σ̂ for the network's output and cσ̂² in the formula. It trains σ̂ on a variance and uses 1/σ̂ as a
signal-to-noise ratio, and its code multiplies c by σ̂ itself: v̂ is a variance throughout. ``paper`` leaves about 1 + c
times the noise that the network is told of. The criterion is the distance of ratios and not of their logarithms, so
that for a tiny v̂ the cleanest levels decide. Code of the authors that is not copied: one step fewer with DDIM.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.samplers.base import Problem, Sampler, settings
from posterity.samplers.severity import Severity
from posterity.wrappers.base import Wrapper

__all__ = ["Flash"]

_log = logging.getLogger(__name__)
_MOST = 1 - 1e-4
"""The largest share of noise cv̂ in a first state."""


@settings
class Flash(Wrapper):
    """Begins where the noise is as strong as the error of a first estimate, item by item."""

    severity: Annotated[str, Field(description="name of the severity: the estimate and its variance v̂")]
    c: Annotated[float | None, Field(ge=0, description="share of v̂ that is noise in the first state of `paper`; "
                                     "null leaves the estimate as it is")] = 1.0  # fmt: skip
    init: Annotated[
        Literal["paper", "calibrated", "noised", "added"],
        Field(description="first state: mixed, scaled or noised to its level; with noise added it is decoded as it is"),
    ] = "paper"
    multiplier: Annotated[
        float, Field(ge=0, description="of v̂, before everything; 0 decodes ẑ itself, without a call")
    ] = 1.0
    time: Annotated[
        int | None, Field(ge=0, le=999, description="of the prior's schedule, for all: its noise over its signal is v̂")
    ] = None

    needs = frozenset({"begins_late"})

    def around(self, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        severity = self._severity(problem)
        starts = torch.tensor(self.starts(sampler, problem))
        states = torch.empty_like(severity.estimate)
        if over := int(self.clamped(severity.variance).sum()):
            _log.warning("c v̂ is 1 or more for %d of %d restorations and was clamped", over, len(starts))
        for start in starts.unique().tolist():
            rows = (starts == start).nonzero()[:, 0].to(states.device)
            some = problem if len(rows) == len(starts) else replace(problem.rows(rows), watch=problem.watch)
            drawn = noise if len(rows) == len(starts) else noise.rows(rows)
            states[rows] = self._begun(start, sampler, some, drawn)
        return states

    def starts(self, sampler: Sampler, problem: Problem) -> list[int]:
        """Return the start index of each row: how many of the sampler's levels are walked, all where v̂ is infinite."""
        grid, variance = _grid(sampler, problem), self.multiplier * self._severity(problem).variance
        return [0 if self.init == "added" else _match(grid, v) for v in variance.tolist()]

    def clamped(self, variance: Tensor) -> Tensor:
        """Return where cv̂ is too large to be a share of noise, bool (B,)."""
        share = (self.c or 0.0) * self.multiplier * variance
        return (share >= 1) & variance.isfinite() & (self.init == "paper")

    def _severity(self, problem: Problem) -> Severity:
        try:
            found = problem.severities[self.severity]
            return found if self.time is None else Severity(found.estimate, self._of_time(problem, found.variance))
        except KeyError:
            known = ", ".join(sorted(problem.severities)) or "no severity at all"
            raise PosterityError(
                f"wrapper flash: severity {self.severity!r} is none of the problem's ({known})"
            ) from None

    def _of_time(self, problem: Problem, like: Tensor) -> Tensor:
        """Return the noise over the signal at ``time``, for every row."""
        if self.time is None or self.time >= len(problem.schedule):
            raise PosterityError(f"wrapper flash: time {self.time} is beyond the schedule's {len(problem.schedule)}")
        return torch.full_like(like, 1 / problem.schedule.level(self.time).snr)

    def _begun(self, start: int, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        """Return the result of a walk of ``start`` levels."""
        grid = _grid(sampler, problem)
        if start == len(grid):
            return sampler.run(problem, noise)
        level = grid[start - 1] if start > 0 else None
        first = self._first(self._severity(problem), level, noise)
        return first if level is None else sampler.run(replace(problem, start=(level.t, first)), noise)

    def _first(self, severity: Severity, level: Level | None, noise: Noise) -> Tensor:
        """Return the states at which the walk begins, (B, *state)."""
        estimate = severity.estimate
        variance = (self.multiplier * severity.variance).view(-1, *[1] * (estimate.ndim - 1))
        if self.init == "calibrated":
            return estimate / (1 + variance).sqrt()
        if self.init == "noised":
            return estimate if level is None else level.signal * estimate + level.noise * noise.normal("init")
        if self.c is None:
            return estimate
        if self.init == "added":
            return estimate + (self.c * variance).sqrt() * noise.normal("init")
        share = (self.c * variance).clamp(max=_MOST)
        return (1 - share).sqrt() * estimate + share.sqrt() * noise.normal("init")


def _grid(sampler: Sampler, problem: Problem) -> Sequence[Level]:
    """Return the levels that the sampler steps from, the cleanest first, each once."""
    return sorted(set(sampler.times(problem.schedule)[:-1]), key=lambda level: level.t)


def _match(grid: Sequence[Level], variance: float) -> int:
    if math.isinf(variance):
        return len(grid)
    wanted = 1 / variance if variance > 0 else math.inf
    return min(range(len(grid)), key=lambda j: abs(grid[j].snr - wanted))
