"""Checks the origin recorded in input artifacts against the stage's settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posterity.artifacts import store
from posterity.artifacts.schemas import SCHEMAS
from posterity.errors import PosterityError
from posterity.recipes import Recipe

__all__ = ["agree", "run_key"]

_NAMES = ("dataset", "task", "prior", "sampler")


def run_key(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that name a run, from the origin of its samples."""
    run = origin["settings"]
    recipe = Recipe.of(run["sampler"])
    return {
        "dataset": run["dataset"],
        "task": run["task"],
        "prior": run["prior"]["name"],
        "sampler": run["sampler"]["name"],
        "method": recipe.method,
        "wrappers": recipe.column,
    }


def agree(settings: Mapping[str, Any], *inputs: Path | None) -> None:
    """Raise PosterityError if an input belongs to another dataset, task, prior or sampler than the settings name.

    Arguments:
        settings: of the stage; each of these nouns that is present gives the required name, or a mapping with it; the
            other nouns only have to agree between the inputs.
        inputs: artifacts, each of which records some of these nouns; None for an optional input that is not given.
    """
    said = {name: (value, "--settings") for name, value in _named(settings).items()}
    for path in (path for path in inputs if path is not None):
        for name, value in _named(_origin(path)).items():
            expected, where = said.setdefault(name, (value, str(path)))
            if value != expected:
                raise PosterityError(f"{path} is of {name} {value!r}, but {where} {_says(where)} {name} {expected!r}")


def _origin(path: Path) -> dict[str, Any]:
    """Return the key columns of the first row or, without rows, the settings that the artifact was made with."""
    about = store.provenance(path)
    columns = [name for name in _NAMES if name in SCHEMAS[about["kind"]].names] if about.get("kind") in SCHEMAS else []
    if columns and (rows := store.read(path, about["kind"], columns=columns).slice(0, 1).to_pylist()):
        return dict(rows[0])
    settings = about.get("origin", {}).get("settings")
    return dict(settings) if isinstance(settings, Mapping) else {}


def _says(where: str) -> str:
    return "say" if where == "--settings" else "is of"


def _named(settings: Mapping[str, Any]) -> dict[str, str]:
    found = {name: settings.get(name) for name in _NAMES}
    named = {k: v.get("name") if isinstance(v, Mapping) else v for k, v in found.items()}
    return {name: value for name, value in named.items() if isinstance(value, str)}
