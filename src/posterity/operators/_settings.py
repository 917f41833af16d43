"""Validate operator settings; each error is one line."""

from __future__ import annotations

import math
from typing import Any

from posterity.errors import PosterityError

__all__ = ["finite", "span", "whole"]


def whole(name: str, value: Any, least: int = 1) -> int:
    """Return ``value`` as an integer of at least ``least``; accepts 4.0, refuses 2.5, text and true."""
    if not _is_number(value) or value != math.floor(value) or value < least:
        raise PosterityError(f"{name} is {value!r}, expected a whole number of at least {least}")
    return int(value)


def finite(name: str, value: Any, least: float, most: float = math.inf, *, above: bool = False) -> float:
    """Return ``value`` as a number from ``least`` (excluded if ``above``) to ``most``."""
    if not _is_number(value) or value < least or value > most or (above and value == least):
        low = f"{'above' if above else 'of at least'} {least:g}"
        raise PosterityError(
            f"{name} is {value!r}, expected a number {low}{'' if most == math.inf else f' and at most {most:g}'}"
        )
    return float(value)


def span(name: str, value: Any, least: float, most: float = math.inf) -> tuple[float, float]:
    """Return ``value`` as two numbers in [least, most], the smaller one first."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise PosterityError(f"{name} is {value!r}, expected two numbers, the smaller one first")
    low, high = (finite(name, v, least, most) for v in value)
    if low > high:
        raise PosterityError(f"{name} is {list(value)!r}, expected the smaller number first")
    return low, high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
