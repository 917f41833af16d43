"""How long all papers would take on so many GPUs: a simulation, for who chooses their number and how long jobs are.

The work of a run is counted, not guessed: its sampler restores four pixels with its own settings, and how often it asks
the network, with and without a gradient, times the run's samples is what a GPU has to do. What cannot be known without
the GPU is assumed, below; makespans grow with ``PASS``, and where they stop to shrink does not depend on it.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from posterity import samplers
from posterity.configuration import load, resolve
from posterity.configuration.problems import Problems
from posterity.configuration.resolve import Plan
from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.priors.gaussian import Gaussian
from posterity.samplers.base import Problem

__all__ = ["Run", "makespan", "passes", "runs", "simulate"]

Row = dict[str, object]
ROOT = Path(__file__).parents[1]
CONFIGS = (ROOT / "config/config.yaml", ROOT / "config/all_papers.yaml")

PASS = 0.025
"""Seconds of one forward pass of one 256×256 image: assumed, about that of a large network in half precision."""
GRADIENT = 0.85
"""A gradient through a frozen network costs this share of a forward pass (`python -m benchmarks overhead`)."""
START = 60.0
"""Seconds from a job's start to its first pass: assumed, for the interpreter and a network's weights."""

GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
LONGEST = (None, 8.0, 2.0, 0.5)
"""Hours that one job should last at most; None leaves every run one job."""


class Run(NamedTuple):
    """What one sampler does with one data set, task and prior: items, and seconds on a GPU of each."""

    items: int
    seconds: float


@cache
def passes(method: str, settings: str, noisy: bool) -> float:
    """Forward passes that one restoration is worth; ``settings`` is JSON.

    Extra evaluations of line searches, which depend on the image, are not in it.
    """
    shape = (1, 2, 2)
    if "restorer" in samplers.find(method).needs:
        return 1.0
    sampler = samplers.find(method)(**json.loads(settings))
    keep = torch.ones(1, *shape, dtype=torch.float64)
    keep[..., 1] = 0
    prior = Gaussian(torch.zeros(shape, dtype=torch.float64), 0.1 * torch.eye(4, dtype=torch.float64))
    operator = build({"operator": "inpaint"}, shape, {"keep": keep}).to(torch.float64)
    problem = Problem(prior, operator, keep * 0.5, 0.05 if noisy else 0.0, torch.zeros(1, dtype=torch.long))
    cost = sampler.sample(problem, Noise(0, ["four pixels"], [0])).cost
    return cost.forwards + GRADIENT * cost.backwards


def runs(plan: Plan) -> list[Run]:
    """Those that need a GPU, in the order in which they are planned."""
    found = []
    for key in plan.keys("sample"):
        if not plan.needs.gpu("sample", key):
            continue
        settings, degraded = plan.job("sample", *key).settings, plan.job("degrade", *key[:2]).settings
        sampler = settings["sampler"]
        noisy = degraded["task"].get("sigma_y", 0) > 0
        each = passes(sampler["method"], json.dumps(sampler["settings"], sort_keys=True), noisy)
        found.append(Run(int(degraded["items"]), int(settings["samples"]) * each * PASS))
    return found


def _jobs(found: Iterable[Run], longest: float | None) -> list[float]:
    """Seconds of each job when none but those of one item lasts longer than ``longest`` hours."""
    out = []
    for items, seconds in found:
        most = items if longest is None else max(1, math.floor(longest * 3600 / seconds))
        shares = math.ceil(items / min(most, items))
        sizes = [items // shares + (k < items % shares) for k in range(shares)]
        out += [START + size * seconds for size in sizes]
    return out


def simulate(jobs: Sequence[float], gpus: int) -> float:
    """Seconds until the last job ends, when each starts on the first GPU that is free, in this order."""
    free = [0.0] * gpus
    for seconds in jobs:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


def makespan(gpus: Sequence[int] = GPUS, longest: Sequence[float | None] = LONGEST) -> Iterator[Row]:
    """Makespan and idle share of the GPUs for each length of a job, as planned and the longest job first.

    The knee is the number of GPUs from which more of them do not help: the whole work over the longest job.
    """
    problems = Problems()
    found = runs(resolve(load([*CONFIGS], problems), ROOT / "config", problems=problems))
    for limit in longest:
        jobs = _jobs(found, limit)
        total = sum(jobs)
        for order, queue in (("as planned", jobs), ("longest first", sorted(jobs, reverse=True))):
            for number in gpus:
                ends = simulate(queue, number)
                yield {
                    "a job at most": "whole run" if limit is None else f"{limit:g} h", "order": order, "GPUs": number,
                    "jobs": len(jobs), "longest h": max(jobs) / 3600, "GPU h": total / 3600, "makespan h": ends / 3600,
                    "idle": 1 - total / (number * ends), "knee": total / max(jobs),
                }  # fmt: skip
