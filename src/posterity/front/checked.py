"""Validates numbers, paths and arrays passed to the public API, with one-line errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["array", "number", "path", "seed", "whole"]

_SEEDS = 2**63


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return an int within inclusive bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PosterityError(f"{name} is {value!r:.60}, expected a whole number from {low} to {high}")
    return value


def seed(value: Any) -> int:
    """Return a seed in the range that the configuration accepts."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _SEEDS:
        raise PosterityError(f"seed is {value!r:.60}, expected a whole number from 0 and below 2**63")
    return value


def number(name: str, value: Any, low: float, high: float) -> float:
    """Return a float within inclusive bounds; NaN is refused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PosterityError(f"{name} is {value!r:.60}, expected a number from {low:g} to {high:g}")
    return float(value)


def path(given: str | Path) -> Path:
    """Return a path with ``~`` expanded."""
    try:
        found = Path(given).expanduser()
    except RuntimeError as error:
        raise PosterityError(f"{given}: there is no such home folder") from error
    if "\0" in str(found):
        raise PosterityError(f"{str(given)!r:.60} is not a valid file name")
    return found


def array(given: Any, called: str) -> Tensor:
    """Return an array or a tensor of real numbers as a tensor of the same shape on the CPU."""
    try:
        found = torch.as_tensor(given).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(given, "dtype", type(given).__name__)
        raise PosterityError(f"{called} holds {kind}, expected numbers") from error
    if found.is_complex():
        raise PosterityError(f"{called} holds {found.dtype}, expected real numbers")
    return found
