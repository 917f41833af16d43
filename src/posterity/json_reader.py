"""Reads JSON from outside the library, of bounded size and depth; each mistake is reported in one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from posterity.errors import PosterityError

__all__ = ["MOST_BYTES", "MOST_DEPTH", "Unreadable", "bounded", "parse", "read"]

MOST_BYTES = 1 << 26
MOST_DEPTH = 40
"""Maximum nesting depth of lists and objects."""


class Unreadable(PosterityError):
    """A text that is not valid JSON within the bounds; the message names the file, ``reason`` does not."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.reason = reason


def read(path: Path) -> Any:
    """Return the value that a file holds.

    Raises:
        Unreadable: if it cannot be read, or :func:`parse` rejects it.
    """
    return parse(bounded(path), str(path))


def bounded(path: Path) -> bytes:
    """Return a file's bytes, reading no more than needed to see that it is too large.

    Raises:
        Unreadable: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(str(path), f"cannot be read ({error.strerror})") from error


def parse(content: bytes | str, name: str) -> Any:
    """Return the value that a JSON text encodes.

    Arguments:
        content: UTF-8 bytes, optionally with a byte-order mark, or text.
        name: for messages.

    Raises:
        Unreadable: if it is not JSON, or larger or deeper than the bounds of this module; if an object has a key
            twice, which would silently overwrite the first; if a number is not finite.
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
