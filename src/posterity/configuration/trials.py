"""Rehearses a configuration with the stages' own code on dummy signals.

`check` therefore reports exactly the errors that a job would meet, and no rule is written twice. That code imports
torch, which takes seconds, and reading a configuration should not: verdicts are cached beside this module's bytecode,
under a hash of all code that they depend on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity import datasets
from posterity import features as registered
from posterity.artifacts.identity import identity
from posterity.configuration.fingerprint import code
from posterity.configuration.known import own
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.datasets.items import Outline

__all__ = ["features", "keep", "outline", "partition", "rule", "task"]

_KEPT = Path(cache_from_source(__file__)).with_suffix(".json")
_NEW: list[str] = []
"""Verdicts that are not saved yet."""
_MANY = 10_000
"""Maximum number of verdicts kept."""


def outline(dataset: Mapping[str, Any]) -> Outline:
    """Return the outline of a data set before preparation; raise PosterityError for an impossible selection."""
    kind = datasets.module(dataset["kind"])
    source = [Path(dataset["path"])] if own(dataset["kind"]) else []
    made: Outline = kind.outline(*source, dataset.get("select"), dataset.get("count"))
    return made


def task(settings: Mapping[str, Any], dataset: Mapping[str, Any]) -> str | None:
    """Return why signals of the data set cannot be degraded by the task; None if they can."""

    def attempt() -> None:
        from posterity.stages.degrade import rehearse

        rehearse({"name": "of the configuration", **settings}, outline(dataset), dataset["size"])

    said = _verdict("task", [settings, *_about(dataset)], ("stages.degrade",), attempt)
    return said and said.replace("task of the configuration: ", "")


def partition(prior: Mapping[str, Any], dataset: Mapping[str, Any]) -> str | None:
    """Return why a closed-form prior cannot be built from the data set; None if it can, as far as is known."""

    def attempt() -> None:
        from posterity.stages.posterior import rehearse

        rehearse(prior, outline(dataset), dataset["size"])

    about = {k: v for k, v in prior.items() if k not in ("name", "bandwidth", "about")}
    return _verdict("prior", [about, *_about(dataset)], ("stages.posterior",), attempt)


def features(kind: str, dataset: Mapping[str, Any]) -> str | None:
    """Return why these features are undefined for signals of the data set; None if they are defined."""

    def attempt() -> None:
        from posterity.stages.select import unfit

        of = outline(dataset)
        if wrong := unfit(kind, of.kind, of.shape(dataset["size"])):
            raise PosterityError(wrong)

    # the line lists all valid choices
    every = tuple(f"features.{name}" for name in registered.names())
    return _verdict("features", [kind, *_about(dataset)], ("stages.select", *every), attempt)


def rule(settings: Mapping[str, Any], kind: str, pool: int, count: int) -> str | None:
    """Return why a subset rule cannot choose ``count`` of a pool by features of this kind; None if it can."""

    def attempt() -> None:
        from posterity.stages.select import rehearse

        rehearse(settings, kind, pool, count)

    behind = ("stages.select", f"subsets.{settings['method']}", f"features.{kind}")
    return _verdict("rule", [settings, kind, pool, count], behind, attempt)


def _about(dataset: Mapping[str, Any]) -> list[Any]:
    """Return the settings that a data set's outline and the shape of its signals depend on."""
    about = [dataset.get(key) for key in ("kind", "select", "size", "count")]
    return [*about, identity(Path(dataset["path"]))] if own(dataset["kind"]) else about


def _verdict(noun: str, asked: list[Any], behind: tuple[str, ...], attempt: Callable[[], None]) -> str | None:
    """Return the line of the PosterityError that ``attempt`` raises, or None.

    It is cached under what was ``asked`` and the code of the modules ``behind`` it.
    """
    text = json.dumps([noun, *asked, _code(behind)], sort_keys=True, default=repr)
    key, kept = hashlib.sha256(text.encode()).hexdigest()[:32], _kept()
    if key not in kept:
        if len(kept) >= _MANY:
            kept.clear()
        try:
            attempt()
            kept[key] = None
        except PosterityError as error:
            kept[key] = " ".join(str(error).split())
        _NEW.append(key)
    return kept[key]


@cache
def _code(behind: tuple[str, ...]) -> str:
    """Return the hash of these modules' code and of the code that outlines data sets."""
    return code(
        *(f"posterity.{module}" for module in behind), *(f"posterity.datasets.{kind}" for kind in datasets.names())
    )


@cache
def _kept() -> dict[str, str | None]:
    try:
        return dict(json.loads(_KEPT.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def keep() -> None:
    """Save new verdicts for the next process; without permission to write, it tries again what it needs."""
    if not _NEW:
        return
    _NEW.clear()
    beside = _KEPT.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(_kept()), encoding="utf-8")
        beside.replace(_KEPT)
