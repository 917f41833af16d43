"""Collects the mistakes of a configuration, one line each."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from posterity.errors import PosterityError

__all__ = ["ConfigurationError", "Problems", "meant"]


class ConfigurationError(PosterityError):
    """All mistakes of a configuration; ``lines`` has one line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def meant(given: object, valid: Collection[str]) -> str:
    """ "; did you mean …?" when something close is valid, else nothing."""
    close = get_close_matches(str(given), list(valid), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Problems:
    """The lines found so far; the same line twice is one mistake."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, path: str, value: Any, message: str) -> None:
        """``config: PATH = VALUE: message``."""
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        self._lines[f"config: {path} = {shown}: {message}"] = None

    def say(self, path: str, message: str) -> None:
        """``config: PATH: message``, for what is not there or is not one value."""
        self._lines[f"config: {path}: {message}"] = None

    def known(self, path: str, value: Any, valid: Collection[str], noun: str) -> bool:
        """Whether ``value`` is one of ``valid``; adds a line if not."""
        if value in valid:
            return True
        listed = ", ".join(valid) or "none is defined"
        self.add(path, value, f"unknown {noun}{meant(value, valid)} (valid: {listed})")
        return False

    def stop(self) -> None:
        """Raises when there was any mistake."""
        if self._lines:
            raise ConfigurationError(list(self._lines))
