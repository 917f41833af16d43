"""Collects the mistakes of a configuration, one line each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from posterity.errors import PosterityError, meant

__all__ = ["ConfigurationError", "Problems"]


class ConfigurationError(PosterityError):
    """All mistakes of a configuration; ``lines`` has one line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Problems:
    """Collects lines; duplicates count once, and consequences of a reported mistake are suppressed."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._unknown: dict[tuple[str, str], tuple[str, list[str]]] = {}
        self._unread: set[str] = set()
        self._faulty: set[tuple[str, str]] = set()
        self._reported: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, path: str, value: Any, message: str) -> None:
        """Add the line ``config: PATH = VALUE: message``."""
        self.say(f"{_brief(path)} = {_short(value)}", message)

    def say(self, path: str, message: str) -> None:
        """Add the line ``config: PATH: message``, for a missing key or a mistake that is not about one value."""
        self._lines.setdefault(_line(path, message), [])

    def unread(self, part: str) -> None:
        """Record that a file of ``part`` (datasets, …) was reported, so that its names are not reported as unknown."""
        self._unread.add(_noun(part))

    def faulty(self, part: str, name: str) -> None:
        """Record that the definition of ``name`` was reported, so that its uses are not reported as unknown."""
        self._faulty.add((_noun(part), name))

    def known(self, path: str, value: Any, valid: Collection[str], noun: str) -> bool:
        """Return True if ``value`` is valid; otherwise add a line, shared by all places with this value."""
        if isinstance(value, str) and value in valid:  # a list is not hashable, so it cannot be looked up in a set
            return True
        if noun in self._unread or (isinstance(value, str) and (noun, value) in self._faulty):
            return False
        self.share(path, value, f"unknown {noun}{meant(value, valid)} (valid: {', '.join(valid) or 'none is defined'})")
        return False

    def share(self, path: str, value: Any, said: str) -> None:
        """Add a line like :meth:`add`, shared by all places with this value and message."""
        first, others = self._unknown.setdefault((_short(value), said), (path, []))
        if first == path:
            where = f"{_brief(path)} = {_short(value)}"
            self._lines[_line(where, said)] = others
        elif path not in others:
            others.append(path)

    def reported(self, thing: Any) -> bool:
        """Return True if mistakes of this very object were reported: what a YAML alias repeats is one mistake."""
        return id(thing) in self._reported

    def report(self, thing: Any) -> None:
        """Record that mistakes of this object were reported; it is kept, so that its identity is no other's."""
        self._reported[id(thing)] = thing

    def stop(self) -> None:
        """Raise ConfigurationError if there is any mistake."""
        if self._lines:
            raise ConfigurationError([line + _also(others) for line, others in self._lines.items()])


def _noun(part: str) -> str:
    """Return the singular of a part of the configuration: "severity" for "severities"."""
    return f"{part[:-3]}y" if part.endswith("ies") else part.removesuffix("s")


def _line(where: str, message: str) -> str:
    """Format a line; names may contain newlines, which are escaped."""
    return f"config: {where[:300]}: {message}".replace("\n", "\\n")


def _brief(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:197]}..."


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _also(places: list[str]) -> str:
    """Return a suffix that names the other places with the same mistake."""
    if not places:
        return ""
    more = f" and {len(places) - 1} other places" if len(places) > 2 else f" and {places[1]}" if places[1:] else ""
    return f"; also {places[0]}{more}"
