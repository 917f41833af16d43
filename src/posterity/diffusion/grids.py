"""Time grids: which times a sampler visits, in which order."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["spaced", "strided", "time_travel", "transitions"]


def strided(count: int, total: int = 1000) -> list[int]:
    """Ascending times 0, skip, 2·skip, … with skip = total // count (DDRM, DDNM, RED-diff).

    The largest time is total - skip (for a divisor of ``total``); ``count`` entries.
    """
    skip = total // count
    return [i * skip for i in range(count)]


def spaced(count: int, total: int = 1000) -> list[int]:
    """Ascending, evenly spaced times from 0 to total - 1 (respacing of Nichol and Dhariwal 2021).

    Positions accumulate in floating point and round half to even, as in the published respacing.
    """
    if count == 1:
        return [0]
    stride, position, times = (total - 1) / (count - 1), 0.0, []
    for _ in range(count):
        times.append(round(position))
        position += stride
    return times


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
