"""Reads config.yaml, its overlays and the folders beside it into one mapping."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from posterity.configuration.problems import Problems

__all__ = ["FOLDERS", "gather", "load", "merge"]

FOLDERS = ("datasets", "tasks", "priors", "samplers", "experiments")
_DEFINITION = ("title", "about", "count", "runs", "toys", "metrics", "tables", "figures", "study")
"""The keys of an experiment; none is also a key of the configuration."""
_MANY = ("tasks", "priors")
"""Folders whose files map names to definitions; in the others a file is one definition under its own name."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML in which a key that is given twice is a mistake, not an overwriting."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is given twice", node.value[i][0].start_mark
            )
    return {key: loader.construct_object(value, deep=True) for key, (_, value) in zip(keys, node.value, strict=True)}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged key by key, everything else (lists too) is replaced."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out


def load(paths: list[Path], problems: Problems) -> dict[str, Any]:
    """Configuration files merged in order, each over those before it."""
    out: dict[str, Any] = {}
    for path in paths:
        out = merge(out, _read(path, problems))
    return out


def gather(config: Mapping[str, Any], folder: Path, problems: Problems) -> dict[str, Any]:
    """Adds the definitions of ``folder``'s files, under what ``config`` itself says about them.

    ``experiments`` is the list of names that run; their definitions are under ``definitions``. A file of
    experiments/ that was itself laid over ``config`` is the one experiment to run.
    """
    out = {key: value for key, value in config.items() if key not in _DEFINITION}
    for part in FOLDERS:
        found: dict[str, Any] = {}
        for path in sorted((folder / part).glob("*.yaml")):
            content = _read(path, problems)
            new = content if part in _MANY else {path.stem: content}
            for name in new.keys() & found.keys():
                problems.say(f"{part}.{name}", f"defined twice, the second time in {path}")
            found |= new
        if part == "experiments":
            out["definitions"] = found
            _named(out, {key: value for key, value in config.items() if key in _DEFINITION}, problems)
        else:
            given = config.get(part) or {}
            out[part] = merge(found, given) if isinstance(given, Mapping) else given
    return out


def _named(out: dict[str, Any], given: Mapping[str, Any], problems: Problems) -> None:
    """Makes ``given``, the keys of an experiment among those of the configuration, what ``experiments`` names."""
    names = [name for name, definition in out["definitions"].items() if definition == given]
    if names:
        out["experiments"] = names[:1]
    elif given:
        said = "are those of an experiment, but of no one file in experiments/"
        problems.say(", ".join(given), f"{said}; lay one of these over the configuration, or name it in `experiments`")


def _read(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a subclass of the safe loader
    except OSError as error:
        problems.say(str(path), f"cannot be read ({error.strerror})")
        return {}
    except UnicodeDecodeError:
        problems.say(str(path), "is not UTF-8 text")
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problems.say(str(path), f"{where}{getattr(error, 'problem', None) or 'is not YAML'}")
        return {}
    if content is None:
        return {}
    if not isinstance(content, dict):
        problems.say(str(path), f"must map names to values, holds {type(content).__name__}")
        return {}
    return content
