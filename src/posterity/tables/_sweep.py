"""Shared by the two sweeps of guidance: either strength or reach varies, the other is fixed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from posterity.tables._runs import shown
from posterity.tables.cells import Cell, mean_cell
from posterity.tables.frames import KEYS, Artifact, Frames
from posterity.tables.task_kinds import Task

__all__ = ["Reach", "Step", "cells", "groups"]

_COLUMNS = ("diversity", "niqe", "lpips")


@dataclass(frozen=True, order=True)
class Reach:
    """The reach of guidance: a threshold D, an RMS difference, or unlimited (infinite)."""

    value: float
    unit: str = "D"

    def __str__(self) -> str:
        return "unlimited" if self.value == float("inf") else f"{self.unit} {self.value:g}"


@dataclass(frozen=True)
class Step:
    """One run of a sweep; eta and reach are 0 for the vanilla sampler."""

    artifact: Artifact
    eta: float
    reach: Reach


Group = tuple[tuple[str, ...], str, list[Step]]
"""(dataset, task, prior, method), the fixed setting in words, the steps in ascending order."""


def groups(frames: Frames, vary: str) -> list[Group]:
    """Return groups of runs that differ only in ``vary`` ("eta" or "reach"), with the vanilla run as 0.

    Raises:
        PosterityError: if no sampler was run with two values of it.
    """
    vanilla: dict[tuple[str, ...], Artifact] = {}
    guided: dict[tuple[tuple[str, ...], Any], dict[Any, Step]] = defaultdict(dict)
    for artifact in frames.of("samples"):
        recipe = artifact.recipe
        place = (*(artifact.key.get(k, "") for k in KEYS[:3]), recipe.method)
        like = (*place, recipe.settings)
        guidance = recipe.wrapper("diversity")
        if not recipe.wrap:
            vanilla[like] = artifact
        if guidance is None or recipe.wrappers != ("diversity",):
            continue
        step = Step(artifact, float(guidance["eta"]), _reach(guidance))
        fixed, varied = (step.reach, step.eta) if vary == "eta" else (step.eta, step.reach)
        guided[like, fixed][varied] = step
    out: list[Group] = []
    for (like, fixed), steps in sorted(guided.items(), key=str):
        if len(steps) < 2:
            continue
        found = [steps[v] for v in sorted(steps)]
        if like in vanilla and not (found[0].eta == 0 or found[0].reach.value == 0):
            found.insert(0, Step(vanilla[like], 0.0, Reach(0.0)))
        out.append((like[:4], str(fixed) if vary == "eta" else f"{fixed:g}", found))
    if not out:
        word = "strengths eta" if vary == "eta" else "reaches (threshold or rms)"
        raise frames.missing("samples", none=f"of one sampler with two {word} of guidance")
    return out


def _reach(guidance: Mapping[str, Any]) -> Reach:
    for key, unit in (("threshold", "D"), ("rms", "rms")):
        if guidance.get(key) is not None:
            return Reach(float(guidance[key]), unit)
    return Reach(float("inf"), "")


def cells(
    frames: Frames, vary: str, label: Callable[[Step], str], paper: Callable[[Task, Step, str], float | None]
) -> list[Cell]:
    """Return one row per step of each sweep.

    Arguments:
        frames: samples, measurements and metrics.
        vary: "eta" or "reach".
        label: the varied value in words.
        paper: the published number of a task, step and metric.
    """
    out = []
    for place, fixed, steps in groups(frames, vary):
        task = frames.task({"dataset": place[0], "task": place[1]})
        for step in steps:
            rows = shown(frames.frame("metrics", **step.artifact.key))
            row = (*place, fixed, label(step))
            out += [mean_cell(row, c, rows[rows["metric"] == c], paper(task, step, c)) for c in _COLUMNS]
    return out
