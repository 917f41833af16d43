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

FOLDERS = ("datasets", "tasks", "autoencoders", "priors", "severities", "classifiers", "samplers", "experiments")
_DEFINITION = ("title", "about", "count", "runs", "toys", "metrics", "tables", "figures", "study", "explorer")
"""The keys of an experiment; they are disjoint from those of the configuration."""
_MANY = ("tasks", "autoencoders", "priors", "severities", "classifiers")
"""Folders whose files map names to definitions; in the other folders each file is one definition under its own name."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings key by key; everything else, including lists, is replaced."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out


def load(paths: Iterable[Path], words: Iterable[str] = ()) -> dict[str, Any]:
    """Read configuration files and merge them in order, later ones over earlier ones, and command-line values last.

    Arguments:
        paths: YAML files.
        words: ``NAME=VALUE``, as ``snakemake --config`` takes them; a value is YAML.

    Raises:
        ConfigurationError: with one line for each file that cannot be read; nothing else is checked then.
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
    """Return the configuration that ``snakemake`` was given, read by :func:`load`.

    Snakemake's own reader silently accepts duplicate keys, and passes nested numbers of ``--config`` as text.

    Arguments:
        own: the workflow's configuration file; it may be absent if others are given.
        settings: Snakemake's ``ConfigSettings``.
    """
    given = [Path(path) for path in settings.configfiles]
    base = [] if settings.replace_workflow_config or (given and not own.exists()) else [own]
    return load([*base, *given], settings.config_args)


def gather(config: Mapping[str, Any], folder: Path, problems: Problems) -> dict[str, Any]:
    """Return ``config`` with the definitions of ``folder``'s files added; those in ``config`` itself take precedence.

    ``experiments`` is the list of names that run; their definitions are under ``definitions``. If a file of
    experiments/ was itself merged into ``config``, it is the only experiment to run.
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
    """Find the file in experiments/ that the keys ``given`` come from, and make it the only one in ``experiments``."""
    names = [name for name, definition in out["definitions"].items() if definition == given]
    if names:
        out["experiments"] = names[:1]
    elif given:
        said = "are those of an experiment, but match no single file in experiments/"
        problems.say(
            ", ".join(given), f"{said}; merge one of these files into the configuration, or name it in `experiments`"
        )


@lru_cache(maxsize=512)
def _parsed(text: str, name: str) -> Any:
    """Parse a text once per process; callers must not modify the result."""
    return yaml_reader.parse(text, name)


def _read(path: Path, problems: Problems) -> dict[str, Any] | None:
    """Return the mapping in a file; None, with one line in the problems, if it does not hold one."""
    try:
        content = _parsed(yaml_reader.text(path), str(path))
    except Unreadable as error:
        problems.say(str(path), error.reason)
        return None
    if content is not None and not isinstance(content, dict):
        problems.say(str(path), f"must map names to values, holds {type(content).__name__}")
        return None
    return content or {}
