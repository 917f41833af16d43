"""Collects the mistakes of a configuration, one line each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from posterity.errors import PosterityError, meant

__all__ = ["ConfigurationError", "Problems"]


class ConfigurationError(PosterityError):
    """All mistakes of a configuration; ``lines`` has one line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass
class _Line:
    """A mistake: where it is, what is said, what stands behind that, and the other places with the same mistake.

    Arguments:
        where: the path, with the value if there is one.
        said: the message.
        likewise: other values of the same list with the same message.
        valid: what would be valid.
        others: paths of the other places.
    """

    where: str
    said: str
    likewise: list[str] = field(default_factory=list)
    valid: str = ""
    others: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Format the line; names may contain newlines, which are escaped."""
        between = "" if self.said.endswith("?") else ";"
        more = f"{between} likewise {', '.join(self.likewise)}" if self.likewise else ""
        line = f"config: {self.where[:300]}: {self.said}{more}{self.valid}".replace("\n", "\\n")
        return line + _also(self.others)


class Problems:
    """Collects lines; duplicates count once, and consequences of a reported mistake are suppressed."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], _Line] = {}
        self._places: dict[tuple[str, str], tuple[str, _Line]] = {}
        self._lists: dict[tuple[str, str], _Line] = {}
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
        self._line(path, message)

    def unread(self, part: str) -> None:
        """Record that a file of ``part`` (datasets, …) was reported, so that its names are not reported as unknown."""
        self._unread.add(_noun(part))

    def faulty(self, part: str, name: str) -> None:
        """Record that the definition of ``name`` was reported, so that its uses are not reported as unknown."""
        self._faulty.add((_noun(part), name))

    def known(self, path: str, value: Any, valid: Collection[str], noun: str) -> bool:
        """Return True if ``value`` is valid; otherwise add a line.

        A line is shared by all places with this value, and by all unknown names of one list.
        """
        if isinstance(value, str) and value in valid:  # a list is not hashable, so it cannot be looked up in a set
            return True
        if noun in self._unread or (isinstance(value, str) and (noun, value) in self._faulty):
            return False
        hint, shown = meant(value, valid), _short(value)
        told = self._lists.get((_list(path), noun))
        if told is not None and (shown, noun) not in self._places:
            told.likewise.append(f"{shown} ({hint.removeprefix('; ')})" if hint else shown)
            self._places[shown, noun] = path, told
            return False
        line = self._share(path, value, noun, f"unknown {noun}{hint}")
        line.valid = f" (valid: {', '.join(valid) or 'none is defined'})"
        if self._places[shown, noun][0] == path:
            self._lists.setdefault((_list(path), noun), line)
        return False

    def share(self, path: str, value: Any, said: str) -> None:
        """Add a line like :meth:`add`, shared by all places with this value and message."""
        self._share(path, value, said, said)

    def _share(self, path: str, value: Any, kind: str, said: str) -> _Line:
        """Add a line shared by all places with this value and kind of mistake; return it."""
        shown = _short(value)
        if (shown, kind) not in self._places:
            self._places[shown, kind] = path, self._line(f"{_brief(path)} = {shown}", said)
        first, line = self._places[shown, kind]
        if path != first and path not in line.others:
            line.others.append(path)
        return line

    def _line(self, where: str, said: str) -> _Line:
        return self._lines.setdefault((where, said), _Line(where, said))

    def reported(self, thing: Any) -> bool:
        """Return True if mistakes of this very object were reported: what a YAML alias repeats is one mistake."""
        return id(thing) in self._reported

    def report(self, thing: Any) -> None:
        """Record that mistakes of this object were reported; it is kept, so that its identity is no other's."""
        self._reported[id(thing)] = thing

    def stop(self) -> None:
        """Raise ConfigurationError if there is any mistake."""
        if self._lines:
            raise ConfigurationError([line.text() for line in self._lines.values()])


def _noun(part: str) -> str:
    """Return the singular of a part of the configuration: "severity" for "severities"."""
    return f"{part[:-3]}y" if part.endswith("ies") else part.removesuffix("s")


def _list(path: str) -> str:
    """Return the path of the list that this is the path of an entry of."""
    return path.rpartition("[")[0] if path.endswith("]") else path


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
