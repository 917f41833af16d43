"""Fits of VIPaint that differ in their length alone."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

from posterity.figures import style
from posterity.tables.frames import KEYS, Artifact, Frames

__all__ = ["Fits", "fits"]

_METHOD, _LENGTH = "vipaint", "iterations"


@dataclass(frozen=True)
class Fits:
    """Runs on one task with one prior.

    Arguments:
        place: dataset, task and prior.
        words: the name of the longest one for people.
        runs: by the number of iterations, rising.
    """

    place: tuple[str, ...]
    words: str
    runs: dict[int, Artifact]


def fits(frames: Frames) -> list[Fits]:
    """Return the groups of plain runs of VIPaint that differ in their number of iterations alone, by place."""
    found: dict[tuple[str, ...], dict[int, Artifact]] = defaultdict(dict)
    for artifact in frames.of("samples"):
        recipe = artifact.recipe
        settings = json.loads(recipe.settings)
        if recipe.method == _METHOD and not recipe.wrap and _LENGTH in settings:
            length = int(settings.pop(_LENGTH))
            place = tuple(artifact.key[k] for k in KEYS[:3])
            found[*place, json.dumps(settings, sort_keys=True)][length] = artifact
    groups = [(key[:3], dict(sorted(runs.items()))) for key, runs in sorted(found.items()) if len(runs) > 1]
    return [Fits(place, style.sampler(frames, [*runs.values()][-1].key["sampler"]), runs) for place, runs in groups]
