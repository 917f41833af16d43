r"""Noise schedules: the table of :math:`\bar\alpha_t` in float64 (Ho et al. 2020; Nichol and Dhariwal 2021)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from posterity.diffusion.grids import RULES, spaced
from posterity.diffusion.levels import CLEAN, Level
from posterity.errors import PosterityError

__all__ = ["Schedule"]

_NOISE = 1e-3
"""Largest ᾱ at which x_t may be replaced by N(0, I): √ᾱ is a thirtieth of the signal."""


@dataclass(frozen=True)
class Schedule:
    """A variance-preserving noise schedule, given by its increments β_0, …, β_{T-1}, each in (0, 1).

    Between two times of the table the log-SNR is linear in time.
    """

    betas: tuple[float, ...]

    @classmethod
    def linear(cls, steps: int = 1000) -> Schedule:
        """Return the linear schedule: β from 1e-4 to 0.02, both scaled by 1000/steps (Ho et al. 2020)."""
        scale = 1000 / steps
        return cls(tuple(np.linspace(1e-4 * scale, 0.02 * scale, steps, dtype=np.float64).tolist()))

    @classmethod
    def scaled_linear(cls, start: float = 0.00085, end: float = 0.012, steps: int = 1000) -> Schedule:
        """Return latent diffusion's schedule: √β linear from √start to √end (Rombach et al. 2022)."""
        return cls(tuple((np.linspace(start**0.5, end**0.5, steps, dtype=np.float64) ** 2).tolist()))

    @classmethod
    def cosine(cls, steps: int = 1000) -> Schedule:
        """Return the cosine schedule: ᾱ ∝ cos²(((u + 0.008)/1.008)·π/2), β ≤ 0.999 (Nichol and Dhariwal 2021)."""

        def f(u: float) -> float:
            return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

        return cls(tuple(min(1 - f((i + 1) / steps) / f(i / steps), 0.999) for i in range(steps)))

    @classmethod
    def of_sigmas(cls, sigmas: Iterable[float]) -> Schedule:
        """Return the schedule with ᾱ = 1/(1+σ²) at ascending noise levels σ of x_t/√ᾱ_t.

        If they are evenly spaced in log σ, the interpolated levels are exact too.
        """
        alpha_bars = [1.0, *(1 / (1 + sigma**2) for sigma in sigmas)]
        return cls(tuple(1 - now / before for before, now in pairwise(alpha_bars)))

    @cached_property
    def _alpha_bars(self) -> tuple[float, ...]:
        return tuple(np.cumprod(1.0 - np.asarray(self.betas, dtype=np.float64)).tolist())

    @cached_property
    def _sigmas(self) -> tuple[float, ...]:
        """σ = √((1-ᾱ)/ᾱ) at every time, ascending."""
        return tuple(math.sqrt((1.0 - a) / a) for a in self._alpha_bars)

    @cached_property
    def _levels(self) -> tuple[Level, ...]:
        """The levels of the table, built once."""
        return tuple(Level(float(t), a, t / len(self)) for t, a in enumerate(self._alpha_bars))

    def __len__(self) -> int:
        return len(self.betas)

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t at a time of the table, with ᾱ_{-1} = 1."""
        self._require(t)
        return 1.0 if t == -1 else self._alpha_bars[t]

    def level(self, t: float) -> Level:
        """Return the level at any real time from 0 to T - 1; -1 is clean.

        Raises:
            IndexError: if t is outside.
        """
        if t == -1:
            return CLEAN
        self._require(t)
        below = int(t)
        if t == below:
            return self._levels[below]
        low, high = self._sigmas[below : below + 2]
        sigma = low * (high / low) ** (t - below)
        return Level(t, 1 / (1 + sigma**2), t / len(self))

    def _require(self, t: float) -> None:
        if not (t == -1 or 0 <= t <= len(self) - 1):
            raise IndexError(f"time {t} is outside -1 … {len(self) - 1}")

    def at_snr(self, snr: float) -> Level:
        """Return the level whose signal-to-noise ratio ᾱ/(1-ᾱ) is ``snr``; infinity is clean.

        Raises:
            PosterityError: if it is outside the schedule's range.
        """
        if snr == math.inf:
            return CLEAN
        lowest, highest = (1 / self._sigmas[t] ** 2 for t in (-1, 0))
        slack = 1e-12  # for rounding, so that the ends themselves are accepted
        if not lowest * (1 - slack) <= snr <= highest * (1 + slack):
            raise PosterityError(f"signal-to-noise ratio {snr:g} is outside {lowest:g} to {highest:g}")
        times = np.arange(len(self))
        return self.level(float(np.interp(-0.5 * math.log(snr), np.log(self._sigmas), times)))

    def grid(self, count: int, rule: str) -> list[Level]:
        """Return the levels of a run, noisiest first, starting where x_t is nearly pure noise for any count.

        The published strides stop one stride below the last time. If x_t is not yet noise there, as with 20 strides
        of the cosine schedule, :func:`posterity.diffusion.grids.spaced` replaces them. The clean level is not included.

        Arguments:
            count: from 1 to the number of times; :class:`PosterityError` otherwise.
            rule: a name in :data:`posterity.diffusion.grids.RULES`.
        """
        if rule not in RULES:
            raise PosterityError(f"grid {rule!r} is none of {', '.join(RULES)}")
        times = RULES[rule](count, self._sigmas)
        if self.level(times[-1]).alpha_bar > _NOISE:
            times = spaced(count, len(self))
        return [self.level(t) for t in reversed(times)]
