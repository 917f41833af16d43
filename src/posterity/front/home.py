"""Finds named tasks, samplers and shipped priors in the working folder, or else in the checkout of the library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import posterity
from posterity.configuration.loading import gather, load
from posterity.configuration.problems import Problems, meant
from posterity.configuration.samplers import Named, catalogue
from posterity.configuration.shapes import schema
from posterity.errors import PosterityError

__all__ = ["Home", "home"]

_CONFIG = Path("config", "config.yaml")


@dataclass(frozen=True)
class Home:
    """The definitions of a configuration; empty if there is none.

    Arguments:
        folder: the folder that its paths are relative to.
        tasks: {name: settings}.
        priors: {name: settings}.
        samplers: {name: definition}; methods without a configuration file are included with their defaults.
        autoencoders: {name: settings}.
    """

    folder: Path
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    priors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    samplers: Mapping[str, Named] = field(default_factory=dict)
    autoencoders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def task(self, name: str) -> dict[str, Any]:
        """Return a task's settings, including its name.

        Raises:
            PosterityError: for an unknown one.
        """
        if name not in self.tasks:
            raise PosterityError(f"task {name!r} does not exist{_choice(name, self.tasks)}")
        return {"sigma_y": 0.0, **self.tasks[name], "name": name}

    def sampler(self, name: str) -> Named:
        """Return a sampler.

        Raises:
            PosterityError: for an unknown one.
        """
        if name not in self.samplers:
            raise PosterityError(f"sampler {name!r} does not exist{_choice(name, self.samplers)}")
        return self.samplers[name]


def home() -> Home:
    """Return the configuration of the working folder or, if it has none, that of the checkout.

    Raises:
        ConfigurationError: with one line for each unreadable file and each sampler with a mistake.
    """
    here, own = Path.cwd(), Path(str(posterity.__file__)).resolve().parents[2]
    folder = here if (here / _CONFIG).is_file() else own
    files = sorted((folder / _CONFIG.parent).rglob("*.yaml"))
    return _read(folder, tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _read(folder: Path, files: tuple[tuple[Path, int], ...]) -> Home:
    problems = Problems()
    config = load([folder / _CONFIG]) if files else {}
    everything = gather(config, folder / _CONFIG.parent, problems)
    parts = {"prior": "priors", "task": "tasks", "dataset": "datasets", "severity": "severities"}
    where = {noun: everything[part] for noun, part in parts.items()}
    named = catalogue(everything["samplers"], where, problems)
    problems.stop()
    bare = {method: Named(method, {"method": method}) for method in schema("samplers")}
    return Home(folder, everything["tasks"], everything["priors"], bare | named, everything["autoencoders"])


def _choice(name: str, valid: Mapping[str, Any]) -> str:
    """Return a suffix with the closest valid name, if any, and all valid names."""
    return f"{meant(name, valid)}; choose one of {', '.join(sorted(valid))}"
