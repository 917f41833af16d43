"""Reads config.yaml, its overlays and the folders beside it into one mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from posterity import yaml_reader
from posterity.configuration.problems import Problems
from posterity.yaml_reader import Unreadable

__all__ = ["FOLDERS", "as_snakemake", "gather", "load", "merge"]

FOLDERS = ("datasets", "tasks", "autoencoders", "priors", "severities", "samplers", "experiments")
_DEFINITION = ("title", "about", "count", "runs", "toys", "metrics", "tables", "figures", "study")
"""The keys of an experiment; none is also a key of the configuration."""
_MANY = ("tasks", "autoencoders", "priors", "severities")
"""Folders whose files map names to definitions; in the others a file is one definition under its own name."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged key by key, everything else (lists too) is replaced."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out


def load(paths: Iterable[Path], words: Iterable[str] = ()) -> dict[str, Any]:
    """Configuration files merged in order, each over those before it, and over them what was given on a command line.

    Arguments:
        paths: YAML files.
        words: ``NAME=VALUE``, as ``snakemake --config`` takes them; a value is YAML.

    Raises:
        ConfigurationError: a line for each that cannot be read. Nothing else can be said of the others then.
    """
    problems, out = Problems(), dict[str, Any]()
    for path in paths:
        out = merge(out, _read(path, problems) or {})
    for word in words:
        name, _, text = word.partition("=")
        try:
            out = merge(out, {name: yaml_reader.parse(text, f"--config {name}")})
        except Unreadable as error:
            problems.say(f"--config {name}", error.reason)
    problems.stop()
    return out


def as_snakemake(own: Path, settings: Any) -> dict[str, Any]:
    """Return the configuration that ``snakemake`` was given, read as everything else is.

    Snakemake's own reading lets a key that is given twice overwrite, and hands nested numbers of ``--config`` over
    as text.

    Arguments:
        own: the workflow's file; it may be absent where others are given.
        settings: Snakemake's ``ConfigSettings``.
    """
    given = [Path(path) for path in settings.configfiles]
    base = [] if settings.replace_workflow_config or (given and not own.exists()) else [own]
    return load([*base, *given], settings.config_args)


def gather(config: Mapping[str, Any], folder: Path, problems: Problems) -> dict[str, Any]:
    """Add the definitions of ``folder``'s files, under what ``config`` itself says about them.

    ``experiments`` is the list of names that run; their definitions are under ``definitions``. A file of
    experiments/ that was itself laid over ``config`` is the one experiment to run.
    """
    out = {key: value for key, value in config.items() if key not in _DEFINITION}
    for part in FOLDERS:
        found: dict[str, Any] = {}
        for path in sorted((folder / part).glob("*.yaml")):
            content = _read(path, problems)
            if content is None:
                problems.unread(part)
                continue
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
    """Make ``given``, the keys of an experiment among those of the configuration, what ``experiments`` names."""
    names = [name for name, definition in out["definitions"].items() if definition == given]
    if names:
        out["experiments"] = names[:1]
    elif given:
        said = "are those of an experiment, but of no one file in experiments/"
        problems.say(", ".join(given), f"{said}; lay one of these over the configuration, or name it in `experiments`")


@lru_cache(maxsize=512)
def _parsed(text: str, name: str) -> Any:
    """Parse a text once per process; nobody changes the result."""
    return yaml_reader.parse(text, name)


def _read(path: Path, problems: Problems) -> dict[str, Any] | None:
    """Return the mapping in a file; None, and one line in the problems, if it has none."""
    try:
        content = _parsed(yaml_reader.text(path), str(path))
    except Unreadable as error:
        problems.say(str(path), error.reason)
        return None
    if content is not None and not isinstance(content, dict):
        problems.say(str(path), f"must map names to values, holds {type(content).__name__}")
        return None
    return content or {}
