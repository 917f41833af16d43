"""Time grids: the times that a sampler visits, and their order.

A rule returns ascending times of a table with T levels; :meth:`posterity.diffusion.schedule.Schedule.grid` turns
them into levels, noisiest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from posterity.errors import PosterityError

__all__ = ["RULES", "ddim", "floored", "karras", "spaced", "strided", "time_travel", "travelled"]

T = TypeVar("T")

_FEWEST_STRIDES = 8
"""With fewer strides the largest time is too far below T - 1: on the linear schedule, ᾱ at 800 of 1000 is 0.0015."""


def strided(count: int, total: int = 1000) -> list[int]:
    """Return ascending times 0, skip, 2·skip, … with skip = total / count (DDRM, DDNM, RED-diff).

    The largest time is total - skip. A count that doesn't divide ``total`` would skip the noisiest times
    (0, 1, …, 500 for 501 in the public codes, which round skip down), and so would very few strides: such
    counts use :func:`spaced`.
    """
    _require(count, total)
    if total % count or count < _FEWEST_STRIDES:
        return spaced(count, total)
    return list(range(0, total, total // count))


def spaced(count: int, total: int = 1000) -> list[int]:
    """Return ascending, evenly spaced times from 0 to total - 1 (respacing of Nichol and Dhariwal 2021).

    Positions accumulate in floating point and round half to even, as in the published respacing. A single
    time is the noisiest.
    """
    _require(count, total)
    if count == 1:
        return [total - 1]
    stride, position, times = (total - 1) / (count - 1), 0.0, []
    for _ in range(count):
        times.append(round(position))
        position += stride
    return times


def ddim(count: int, total: int = 1000) -> list[int]:
    """Return ascending times 1, 1 + skip, 1 + 2·skip, …: latent diffusion's grid, the strides shifted by one.

    Counts that don't stride (see :func:`strided`), and ``total`` itself, use :func:`spaced`. In the source the
    last step leads to time 0, not to a clean signal.
    """
    _require(count, total)
    if total % count or count < _FEWEST_STRIDES or count == total:
        return spaced(count, total)
    return [1 + t for t in range(0, total, total // count)]


def floored(count: int, total: int) -> list[int]:
    """Return ascending levels from 0 to total - 1, evenly spaced and rounded down (Janati et al. 2025)."""
    _require(count, total)
    return [int(level) for level in np.linspace(0, total - 1, count)]


def karras(count: int, sigmas: Sequence[float], rho: float = 7.0) -> list[float]:
    """Return ascending real times whose σ^(1/ρ) are evenly spaced (Karras et al. 2022, Eq. 5).

    Arguments:
        count: 1 or more, of any size, since the times are not those of the table. A single time is the noisiest.
        sigmas: σ at every time of the table, ascending; log σ is interpolated linearly in time.
        rho: ρ; larger values make the grid denser at low noise.
    """
    if count < 1:
        raise PosterityError(f"{count} steps: choose 1 or more")
    if count == 1:
        return [len(sigmas) - 1]
    low, high = sigmas[0] ** (1 / rho), sigmas[-1] ** (1 / rho)
    wanted = np.linspace(low, high, count) ** rho
    between = np.interp(np.log(wanted[1:-1]), np.log(np.asarray(sigmas)), np.arange(len(sigmas))).tolist()
    return [0, *between, len(sigmas) - 1]


def _require(count: int, total: int) -> None:
    if not 1 <= count <= total:
        raise PosterityError(f"{count} steps: the noise schedule has {total} times; choose 1 to {total}")


def time_travel(count: int, length: int, repeat: int) -> list[int]:
    """Return the indices of RePaint's resampling schedule, from count - 1 down to -1.

    At every multiple of ``length`` below count - length the walk goes back up ``length`` indices,
    ``repeat`` - 1 times. ``repeat`` = 1 is the plain descent.
    """
    jumps = dict.fromkeys(range(0, count - length, length), repeat - 1)
    walk, t = [], count
    while t >= 1:
        t -= 1
        walk.append(t)
        if jumps.get(t, 0) > 0:
            jumps[t] -= 1
            for _ in range(length):
                t += 1
                walk.append(t)
    return [*walk, -1]


def travelled(levels: Sequence[T], length: int, repeat: int) -> list[T]:
    """Return the walk of :func:`time_travel` over descending levels; the last level is only reached at the end.

    Arguments:
        levels: noisiest first; the last one is where the run ends.
        length: levels that a jump goes up.
        repeat: passes over each stretch; 1 is the plain descent.
    """
    last = len(levels) - 1
    return [levels[last - 1 - index] for index in time_travel(last, length, repeat)]


RULES: Mapping[str, Callable[[int, Sequence[float]], Sequence[float]]] = MappingProxyType(
    {
        "strided": lambda count, sigmas: strided(count, len(sigmas)),
        "spaced": lambda count, sigmas: spaced(count, len(sigmas)),
        "ddim": lambda count, sigmas: ddim(count, len(sigmas)),
        "floored": lambda count, sigmas: floored(count, len(sigmas)),
        "karras": karras,
    }
)
"""{name: (number of levels, ascending σ at every time of the table) → ascending times}."""
