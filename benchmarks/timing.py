"""Seconds of things that are compared, measured by turns so that other work on the machine meets them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

__all__ = ["medians", "turn_by_turn"]


def turn_by_turn(
    turns: int, *sides: Callable[[], object], device: torch.device | None = None
) -> list[tuple[float, ...]]:
    """Seconds of each side in each of ``turns`` turns, after one that does not count.

    Seconds of this process on a processor: with one thread that is the time on the clock, less what
    other work takes of the machine meanwhile. On a GPU, seconds on the clock until it has done all.
    """
    clock = _on_gpu if device is not None and device.type == "cuda" else time.process_time
    return [tuple(_taken(side, clock) for side in sides) for _ in range(turns + 1)][1:]


def medians(turns: int, *sides: Callable[[], object], device: torch.device | None = None) -> list[float]:
    """Each side's median over the turns."""
    return [median(taken) for taken in zip(*turn_by_turn(turns, *sides, device=device), strict=True)]


def _taken(side: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    side()
    return clock() - began


def _on_gpu() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()
