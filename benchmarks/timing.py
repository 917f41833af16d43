"""Seconds of things that are compared, measured by turns so that other work on the machine meets them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

__all__ = ["medians"]


def medians(turns: int, *sides: Callable[[], object]) -> list[float]:
    """Median seconds of ``turns`` runs of each side, by turns, after one run of each that does not count.

    Seconds of this process on a processor: with one thread that is the time on the clock, less what
    other work takes of the machine meanwhile.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    for turn in range(turns + 1):
        for taken, side in zip(seconds, sides, strict=True):
            began = time.process_time()
            side()
            if turn:
                taken.append(time.process_time() - began)
    return [median(taken) for taken in seconds]
