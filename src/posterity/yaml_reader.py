"""Reads plain values from YAML of bounded size; each mistake is reported in one line.

YAML can hold more than a configuration needs, and a small text can expand to a very large value (aliases of
aliases). The values returned here consist of mappings with text as keys, lists, text, numbers, true, false and
null, as in JSON, and are small enough to traverse.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from posterity.errors import PosterityError

__all__ = ["MOST_BYTES", "MOST_DEPTH", "MOST_VALUES", "Unreadable", "parse", "read", "text"]

MOST_BYTES = 1_000_000
MOST_DEPTH = 40
"""Maximum nesting depth of lists and mappings."""
MOST_VALUES = 100_000
"""Maximum number of values, with aliases expanded."""

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Unreadable(PosterityError):
    """A text that is not valid YAML within the bounds; the message names the file, ``reason`` does not."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


class _Loader(_FAST):  # type: ignore[misc, valid-type]
    """A loader of plain values only."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_multi_constructors: ClassVar[dict[Any, Any]] = {}


def _scalar(make: Callable[[Any, yaml.ScalarNode], Any]) -> Callable[[_Loader, yaml.Node], Any]:
    def construct(loader: _Loader, node: yaml.Node) -> Any:
        kind = node.tag.rpartition(":")[2]
        if not isinstance(node, yaml.ScalarNode):
            raise _mistake(node, f"a list or mapping cannot be read as !!{kind}")
        try:
            value = make(loader, node)
        except (ValueError, KeyError, IndexError):
            raise _mistake(node, f"{str(node.value)[:40]!r} cannot be read as !!{kind}; put a text in quotes") from None
        if isinstance(value, str) and (found := _CONTROL.search(value)):
            raise _mistake(node, f"a text holds the control character {found[0]!r}")
        return value

    return construct


def _mapping(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise _mistake(node, "expected names with their values")
    seen = set()
    for key in (key for key, _ in node.value if key.tag != _MERGE):
        if (name := _name(loader, key)) in seen:
            raise _mistake(key, f"key {name!r} is given twice")
        seen.add(name)
    loader.flatten_mapping(node)
    return {_name(loader, key): loader.construct_object(value, deep=True) for key, value in node.value}


def _name(loader: _Loader, key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        said = "a list or mapping cannot be a key; put quotes around a text that begins with a bracket or brace"
        raise _mistake(key, said)
    name = loader.construct_object(key)
    if not isinstance(name, str):
        raise _mistake(key, f"the key {key.value} is not text; put it in quotes")
    return name


def _date(loader: _Loader, node: yaml.ScalarNode) -> str:
    """Return a date as text; it must be a valid date, since other programs that read the file expect one."""
    loader.construct_yaml_timestamp(node)
    return str(node.value)


def _other(loader: _Loader, node: yaml.Node) -> Any:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    raise _mistake(node, f"values of type {tag} are not read; valid are text, numbers, true, false, null and lists")


def _mistake(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_SAFE = yaml.constructor.SafeConstructor
for _tag, _make in (
    ("str", _SAFE.construct_yaml_str),
    ("int", _SAFE.construct_yaml_int),
    ("float", _SAFE.construct_yaml_float),
    ("bool", _SAFE.construct_yaml_bool),
    ("null", _SAFE.construct_yaml_null),
    ("timestamp", _date),
    ("value", _SAFE.construct_yaml_str),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _scalar(_make))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", lambda loader, node: loader.construct_sequence(node, deep=True))
_Loader.add_constructor(None, _other)


def read(path: Path) -> Any:
    """Return the content of a file; None if it is empty.

    Raises:
        Unreadable: as :func:`text` and :func:`parse` do.
    """
    return parse(text(path), str(path))


def text(path: Path) -> str:
    """Return the text of a file before parsing.

    Raises:
        Unreadable: if it does not exist, is not UTF-8 or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(str(path), f"cannot be read ({error.strerror})") from error
    if len(content) > MOST_BYTES:
        raise Unreadable(str(path), f"is larger than {MOST_BYTES // 1_000_000} MB, too much for a configuration")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(str(path), "is not UTF-8 text") from None


def parse(text: str, name: str) -> Any:
    """Return the content of a text that messages call ``name``."""
    try:
        _measure(text)
        return yaml.load(text, _Loader)  # noqa: S506 - knows plain values alone
    except yaml.reader.ReaderError as error:
        raise Unreadable(name, f"holds a character that is not text, at position {error.position}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = " ".join(str(getattr(error, "problem", None) or "is not YAML").split())
        raise Unreadable(name, f"{where}{said}") from error


def _measure(text: str) -> None:
    """Raise if the text is nested too deeply or, with aliases expanded, too large; works without recursion."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, _FAST):
        if isinstance(event, yaml.NodeEvent):
            count += 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise _event(event, f"the alias *{event.anchor} stands inside of, or before, what it stands for")
            count += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, count))
            if len(open_) > MOST_DEPTH:
                raise _event(event, f"lists and mappings are nested more than {MOST_DEPTH} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent) and event.anchor:
            sizes[event.anchor] = 1
        if count > MOST_VALUES:
            raise _event(event, f"holds more than {MOST_VALUES} values with aliases expanded")


def _event(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, event.start_mark)
