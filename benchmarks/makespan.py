"""Simulates how long all papers would take on a number of GPUs, to help choose that number and the length of jobs.

The work of a run is counted: its sampler restores four pixels with its own settings, and its number of network
evaluations, with and without a gradient, times the run's samples is the work of a GPU. What cannot be known without
the GPU is assumed below; makespans are proportional to ``PASS``, but the number of GPUs beyond which they stop
shrinking does not depend on it.
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
from posterity.configuration.resolve import Plan
from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.priors.gaussian import Gaussian
from posterity.samplers.base import Problem

__all__ = ["Cut", "Job", "Run", "jobs", "makespan", "passes", "runs", "simulate"]

Row = dict[str, object]
ROOT = Path(__file__).parents[1]
CONFIGS = (ROOT / "config/config.yaml", ROOT / "config/all_papers.yaml")

PASS = 0.025
"""Seconds of one forward pass of one 256×256 image: assumed, about that of a large network in half precision."""
GRADIENT = 0.85
"""Cost of a gradient through a frozen network relative to a forward pass (`python -m benchmarks overhead`)."""
START = 60.0
"""Seconds from a job's start to its first pass: assumed, for the interpreter and a network's weights."""

GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
NODE, LONG = 8, 8.0
"""Maximum GPUs per job (``gpu: 8``), and the hours above which a run gets more than one."""


class Cut(NamedTuple):
    """How runs are cut into jobs: one job per run on a maximum number of GPUs, or jobs of a maximum number of hours."""

    name: str
    gpus: int = 1
    hours: float | None = None


CUTS = (
    Cut("one job per run"),
    Cut(f"one job per run, gpu: {NODE}", NODE),
    Cut("jobs of 2 h", hours=2.0),
    Cut("jobs of 30 min", hours=0.5),
)
"""The first two can be configured; the others show whether a finer cut would be worth implementing."""


class Job(NamedTuple):
    """A job: its seconds and its number of GPUs."""

    gpus: int
    seconds: float


class Run(NamedTuple):
    """One sampler on one data set, task and prior: number of items, and GPU seconds per item."""

    items: int
    seconds: float


@cache
def passes(method: str, settings: str, noisy: bool) -> float:
    """Return the cost of one restoration in forward passes; ``settings`` is JSON.

    Extra evaluations of line searches, which depend on the image, are not included.
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
    """Return the runs that need a GPU, in planned order."""
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


def jobs(found: Iterable[Run], cut: Cut) -> list[Job]:
    """Return the jobs of all runs; a job that is cut by hours has at least one item."""
    out = []
    for items, seconds in found:
        if cut.hours is None:
            gpus = min(cut.gpus, items, math.ceil(items * seconds / (LONG * 3600)))
            out.append(Job(gpus, START + math.ceil(items / gpus) * seconds))
            continue
        most = max(1, math.floor(cut.hours * 3600 / seconds))
        shares = math.ceil(items / min(most, items))
        sizes = [items // shares + (k < items % shares) for k in range(shares)]
        out += [Job(1, START + size * seconds) for size in sizes]
    return out


def simulate(queue: Sequence[Job], gpus: int) -> float:
    """Return the seconds until the last job ends, if each starts, in order, as soon as its GPUs are free.

    A job that wants more GPUs than exist gets all of them and takes longer.
    """
    free = [0.0] * gpus
    for wanted, seconds in queue:
        taken = [heapq.heappop(free) for _ in range(min(wanted, gpus))]
        for _ in taken:
            heapq.heappush(free, taken[-1] + seconds * wanted / len(taken))
    return max(free)


def makespan(gpus: Sequence[int] = GPUS, cuts: Sequence[Cut] = CUTS) -> Iterator[Row]:
    """Yield makespan and idle share of the GPUs for each cut of the runs, in planned order and longest job first.

    The knee is the number of GPUs beyond which more do not help: total work divided by the longest job.
    """
    found = runs(resolve(load(CONFIGS), ROOT / "config"))
    for cut in cuts:
        made = jobs(found, cut)
        total, longest = sum(job.gpus * job.seconds for job in made), max(job.seconds for job in made)
        ordered = sorted(made, key=lambda job: job.seconds, reverse=True)
        for order, queue in (("as planned", made), ("longest first", ordered)):
            for number in gpus:
                ends = simulate(queue, number)
                yield {
                    "cut": cut.name, "order": order, "GPUs": number, "jobs": len(made), "longest h": longest / 3600,
                    "GPU h": total / 3600, "makespan h": ends / 3600, "idle": 1 - total / (number * ends),
                    "knee": total / longest,
                }  # fmt: skip
