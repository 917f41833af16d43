r"""Flash: start late, where the noise is as strong as the error of a first estimate (Fabian et al. 2023, Sec. 3).

A severity is an estimate ẑ of the state and a variance v̂ of its error. On the sampler's own levels, cleanest first,
the start index is :math:`t = \arg\min_j |\mathrm{snr}_j - 1/\hat v|` (the first of ties); the walk takes the t steps
from level t-1 down. With t = 0 the first state is the result. The first state is

.. math:: z = \sqrt{1 - c\hat v}\;\hat z + \sqrt{c\hat v}\;\xi

(``paper``); :math:`\hat z/\sqrt{1 + \hat v}`, which for an unbiased estimate with white errors has exactly the law
of a state with :math:`\bar\alpha = 1/(1 + \hat v)` (``calibrated``); or :math:`\sqrt{\bar\alpha}\,\hat z +
\sqrt{1-\bar\alpha}\,\xi` at the first level, as when renoising another method's restoration (``noised``).
``added`` decodes :math:`\hat z + \sqrt{c\hat v}\,\xi` without any network call: a baseline of white noise on the
estimate. With ``time``, all items start at one time, from the same estimates (App. B). Wrappers that change the
noise, such as coupled noise, must go around this one to change ξ too.

The paper writes σ̂ for the network's output and cσ̂² in the formula. It trains σ̂ on a variance, uses 1/σ̂ as a
signal-to-noise ratio, and its code multiplies c by σ̂ itself: here v̂ is a variance throughout. ``paper`` leaves about
1 + c times the noise of the level passed to the network. The criterion compares ratios and not their logarithms, so
for tiny v̂ the cleanest levels decide. Not copied from the authors' code: one step fewer with DDIM.
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
"""The largest noise variance cv̂ in a first state."""


@settings
class Flash(Wrapper):
    """Starts each item at the level whose noise matches the error of a first estimate."""

    severity: Annotated[str, Field(description="name of the severity: the estimate and its variance v̂")]
    c: Annotated[float | None, Field(ge=0, description="share of v̂ added as noise in the first state of `paper`; "
                                     "null leaves the estimate as it is")] = 1.0  # fmt: skip
    init: Annotated[
        Literal["paper", "calibrated", "noised", "added"],
        Field(description="first state: mixed, scaled or noised to its level; `added` decodes it directly"),
    ] = "paper"
    multiplier: Annotated[
        float, Field(ge=0, description="factor of v̂, applied first; 0 decodes ẑ itself, without a network call")
    ] = 1.0
    time: Annotated[
        int | None, Field(ge=0, le=999, description="one time of the prior's schedule for all items: v̂ is its (1-ᾱ)/ᾱ")
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
        """Return the start index of each row: the number of levels walked (all of them if v̂ is infinite)."""
        grid, variance = _grid(sampler, problem), self.multiplier * self._severity(problem).variance
        return [0 if self.init == "added" else _match(grid, v) for v in variance.tolist()]

    def clamped(self, variance: Tensor) -> Tensor:
        """Return where cv̂ is too large to be a noise variance below 1, bool (B,)."""
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
        """Return (1-ᾱ)/ᾱ at ``time`` for every row, (B,)."""
        if self.time is None or self.time >= len(problem.schedule):
            raise PosterityError(f"wrapper flash: time {self.time} is beyond the schedule's {len(problem.schedule)}")
        return torch.full_like(like, 1 / problem.schedule.level(self.time).snr)

    def _begun(self, start: int, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        """Run the last ``start`` levels of the sampler; return the states, (B, *state)."""
        grid = _grid(sampler, problem)
        if start == len(grid):
            return sampler.run(problem, noise)
        level = grid[start - 1] if start > 0 else None
        first = self._first(self._severity(problem), level, noise)
        return first if level is None else sampler.run(replace(problem, start=(level.t, first)), noise)

    def _first(self, severity: Severity, level: Level | None, noise: Noise) -> Tensor:
        """Return the first states, (B, *state)."""
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
    """Return the distinct levels that the sampler steps from, cleanest first."""
    return sorted(set(sampler.times(problem.schedule)[:-1]), key=lambda level: level.t)


def _match(grid: Sequence[Level], variance: float) -> int:
    if math.isinf(variance):
        return len(grid)
    wanted = 1 / variance if variance > 0 else math.inf
    return min(range(len(grid)), key=lambda j: abs(grid[j].snr - wanted))
