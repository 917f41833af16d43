"""Recipes of runs: a method, its settings and the wrappers around it, independent of the run's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Key", "Recipe", "partners"]

Key = tuple[str, ...]
"""(dataset, task, prior, sampler)."""


@dataclass(frozen=True)
class Recipe:
    """A run's sampler.

    Arguments:
        method: name of its module.
        settings: canonical JSON.
        wrap: {wrapper: settings} of each wrapper, from the inside out.
    """

    method: str = ""
    settings: str = "{}"
    wrap: tuple[Mapping[str, Mapping[str, Any]], ...] = ()

    @classmethod
    def of(cls, sampler: Mapping[str, Any]) -> Recipe:
        """Return the recipe of a resolved sampler, as the workflow passes it to the sampling stage."""
        settings = json.dumps(sampler.get("settings", {}), sort_keys=True)
        return cls(sampler.get("method", ""), settings, tuple(sampler.get("wrap", ())))

    @classmethod
    def told(cls, about: Mapping[str, Any]) -> Recipe:
        """Return the recipe of samples from the provenance ``about`` of their file."""
        return cls.of(about.get("origin", {}).get("settings", {}).get("sampler", {}))

    @property
    def wrappers(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(name for one in self.wrap for name in one)

    @property
    def column(self) -> str:
        """The wrappers' names, comma-separated, as in the column "wrappers"."""
        return ",".join(self.wrappers)

    def wrapper(self, name: str) -> Mapping[str, Any] | None:
        """Return the settings of the wrapper ``name``; None if the sampler is not wrapped in it."""
        return next((one[name] for one in self.wrap if name in one), None)


def partners(runs: Mapping[Key, Recipe], *wrappers: str) -> dict[Key, Key]:
    """Return {wrapped run: plain run}, pairing runs with equal dataset, task, prior, method and settings.

    If ``wrappers`` are given, only runs in exactly these wrappers count.
    """
    plain: dict[Key, Key] = {}
    for key, recipe in sorted(runs.items(), key=lambda run: run[0], reverse=True):
        if not recipe.wrap:
            plain[(*key[:3], recipe.method, recipe.settings)] = key
    return {
        key: plain[alike]
        for key, recipe in sorted(runs.items(), key=lambda run: run[0])
        if recipe.wrap and (not wrappers or recipe.wrappers == wrappers)
        and (alike := (*key[:3], recipe.method, recipe.settings)) in plain
    }  # fmt: skip
