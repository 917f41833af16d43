"""The one reader of JSON that comes from outside: of bounded size and depth, every mistake in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from posterity.errors import PosterityError

__all__ = ["MOST_BYTES", "MOST_DEPTH", "Unreadable", "bounded", "parse", "read"]

MOST_BYTES = 1 << 26
MOST_DEPTH = 40
"""Lists and objects inside one another."""


class Unreadable(PosterityError):
    """A text that is not the JSON that is read here; ``reason`` does not name the file, the message does."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.reason = reason


def read(path: Path) -> Any:
    """The value that a file holds.

    Raises:
        Unreadable: when it cannot be read, or is not what :func:`parse` takes.
    """
    return parse(bounded(path), str(path))


def bounded(path: Path) -> bytes:
    """A file's bytes, no more than are needed to see that it is too large.

    Raises:
        Unreadable: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(str(path), f"cannot be read ({error.strerror})") from error


def parse(content: bytes | str, name: str) -> Any:
    """The value that a text stands for.

    Arguments:
        content: UTF-8, perhaps with a byte-order mark, or text.
        name: for messages.

    Raises:
        Unreadable: for what is no JSON, or larger or deeper than the bounds of this module; for a key that an
            object gives twice, which would overwrite in silence; for a number that is not finite.
    """
    if len(content) > MOST_BYTES:
        raise Unreadable(name, f"is larger than {MOST_BYTES >> 20} MiB, expected a small file of JSON")
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise Unreadable(name, "is not JSON (it is not UTF-8 text)") from error
    except ValueError as error:
        raise Unreadable(name, f"is not JSON ({error})") from error
    except RecursionError:
        raise Unreadable(name, _DEEP) from None
    if _deeper(value, MOST_DEPTH):
        raise Unreadable(name, _DEEP)
    return value


_DEEP = f"holds lists and objects more than {MOST_DEPTH} deep"


def _deeper(value: Any, most: int) -> bool:
    """Return True if lists and objects are nested more than ``most`` deep; looks layer by layer, without recursion."""
    layer: list[Any] = [[value]]
    for _ in range(most + 1):
        inner = [outer.values() if isinstance(outer, dict) else outer for outer in layer]
        layer = [one for values in inner for one in values if isinstance(one, dict | list)]
    return bool(layer)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise ValueError(f"key {twice[:40]!r} is given twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value
