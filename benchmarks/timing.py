"""Times functions in alternation, so that other work on the machine affects all of them equally."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

__all__ = ["medians", "turn_by_turn"]


def turn_by_turn(
    turns: int, *sides: Callable[[], object], device: torch.device | None = None
) -> list[tuple[float, ...]]:
    """Return the seconds of each side in each of ``turns`` turns, after a warm-up turn.

    On a CPU these are process times: with one thread, wall-clock time without the time taken by other
    processes. On a GPU they are wall-clock seconds until its work is done.
    """
    clock = _on_gpu if device is not None and device.type == "cuda" else time.process_time
    return [tuple(_taken(side, clock) for side in sides) for _ in range(turns + 1)][1:]


def medians(turns: int, *sides: Callable[[], object], device: torch.device | None = None) -> list[float]:
    """Return each side's median over the turns."""
    return [median(taken) for taken in zip(*turn_by_turn(turns, *sides, device=device), strict=True)]


def _taken(side: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    side()
    return clock() - began


def _on_gpu() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()
