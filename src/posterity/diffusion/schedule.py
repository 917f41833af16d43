r"""Noise schedules: the table of :math:`\bar\alpha_t` in float64 (Ho et al. 2020; Nichol and Dhariwal 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from posterity.diffusion.grids import spaced, strided

__all__ = ["Schedule"]

_NOISE = 1e-3
"""Largest ᾱ of a state that may be replaced by N(0, I): a thirtieth of the signal is left in it."""


@dataclass(frozen=True)
class Schedule:
    """A variance-preserving schedule, given by its increments β_0, …, β_{T-1}, each in (0, 1)."""

    betas: tuple[float, ...]

    @classmethod
    def linear(cls, steps: int = 1000) -> Schedule:
        """β from 1e-4 to 0.02; for another number of steps both ends scale by 1000/steps."""
        scale = 1000 / steps
        return cls(tuple(np.linspace(1e-4 * scale, 0.02 * scale, steps, dtype=np.float64).tolist()))

    @classmethod
    def cosine(cls, steps: int = 1000) -> Schedule:
        """ᾱ follows cos²(((u + 0.008)/1.008)·π/2), β capped at 0.999."""

        def f(u: float) -> float:
            return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

        return cls(tuple(min(1 - f((i + 1) / steps) / f(i / steps), 0.999) for i in range(steps)))

    @cached_property
    def _alpha_bars(self) -> tuple[float, ...]:
        return tuple(np.cumprod(1.0 - np.asarray(self.betas, dtype=np.float64)).tolist())

    def __len__(self) -> int:
        return len(self.betas)

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t, with ᾱ_{-1} = 1."""
        if not -1 <= t < len(self):
            raise IndexError(f"time {t} is outside -1 … {len(self) - 1}")
        return 1.0 if t == -1 else self._alpha_bars[t]

    def sigma_ve(self, t: int) -> float:
        """Noise level √((1 - ᾱ_t)/ᾱ_t) of x_t/√ᾱ_t, in the units of x."""
        a = self.alpha_bar(t)
        return math.sqrt((1.0 - a) / a)

    def grid(self, count: int, rule: Literal["spaced", "strided"]) -> list[int]:
        """Ascending times of a run, from 0 up to one where x_t is noise, whatever the count.

        The published strides stop one stride below the last time. Where that is not noise yet, as in 20 strides
        of the cosine schedule, the times are spaced.

        Arguments:
            count: 1 to the number of times; one that is not raises :class:`PosterityError`.
            rule: of :mod:`posterity.diffusion.grids`.
        """
        times = strided(count, len(self)) if rule == "strided" else spaced(count, len(self))
        return times if self.alpha_bar(times[-1]) <= _NOISE else spaced(count, len(self))
