"""Seconds of things that are compared, measured by turns so that other work on the machine meets them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

__all__ = ["medians"]


def medians(turns: int, *sides: Callable[[], object], device: torch.device | None = None) -> list[float]:
    """Median seconds of ``turns`` runs of each side, by turns, after one run of each that does not count.

    Seconds of this process on a processor: with one thread that is the time on the clock, less what
    other work takes of the machine meanwhile. On a GPU, seconds on the clock until it has done all.
    """
    clock = _on_gpu if device is not None and device.type == "cuda" else time.process_time
    seconds: list[list[float]] = [[] for _ in sides]
    for turn in range(turns + 1):
        for taken, side in zip(seconds, sides, strict=True):
            began = clock()
            side()
            if turn:
                taken.append(clock() - began)
    return [median(taken) for taken in seconds]


def _on_gpu() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()
