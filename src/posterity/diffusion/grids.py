"""Time grids: which times a sampler visits, in which order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from posterity.errors import PosterityError

__all__ = ["floored", "spaced", "strided", "time_travel", "transitions"]

_FEWEST_STRIDES = 8
"""With fewer strides the range of times ends too far below its last: ᾱ of 800 of 1000 linear levels is 0.0015."""


def strided(count: int, total: int = 1000) -> list[int]:
    """Ascending times 0, skip, 2·skip, … with skip = total / count (DDRM, DDNM, RED-diff).

    The largest time is total - skip. A count that does not divide ``total`` would leave the noisiest times
    out (0, 1, …, 500 for 501 in the public codes, which round skip down), and so would a handful of strides:
    these counts are :func:`spaced`.
    """
    _require(count, total)
    if total % count or count < _FEWEST_STRIDES:
        return spaced(count, total)
    return list(range(0, total, total // count))


def spaced(count: int, total: int = 1000) -> list[int]:
    """Ascending, evenly spaced times from 0 to total - 1 (respacing of Nichol and Dhariwal 2021).

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


def floored(count: int, total: int) -> list[int]:
    """Ascending levels from 0 to total - 1, evenly spaced and rounded down (Janati et al. 2025)."""
    _require(count, total)
    return [int(level) for level in np.linspace(0, total - 1, count)]


def _require(count: int, total: int) -> None:
    if not 1 <= count <= total:
        raise PosterityError(f"{count} steps: the noise schedule has {total} times; choose 1 to {total}")


def time_travel(count: int, length: int, repeat: int) -> list[int]:
    """Indices visited with resampling (RePaint's schedule): from count - 1 down to -1.

    At every multiple of ``length`` below count - length the walk goes up ``length`` indices again,
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


def transitions(walk: list[int]) -> list[tuple[int, int]]:
    """Consecutive pairs (now, next) of a walk."""
    return list(pairwise(walk))
