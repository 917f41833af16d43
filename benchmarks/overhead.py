"""Measures a sampler's time relative to a replay of its network calls, and the overhead per step.

* With a U-Net: run / replay; 1 is no overhead, and the target is at most 1.03.
* With a stand-in of two operations: (run - replay) / evaluations; the target is at most 1 ms for
  DPS, PGDM, DDNM, DDRM and DiffPIR.

Both sides alternate in one process with one thread. They are compared within a turn, where the machine is in the same
state for both, and the median is taken over the turns. The peers run in the same script.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from pydantic import TypeAdapter

from benchmarks.networks import Recorded, StandIn, UNet, replay
from benchmarks.tasks import Method, half, methods, ours, peers, sampler
from benchmarks.timing import medians, turn_by_turn
from posterity.priors.base import Prior
from posterity.wrappers.base import Wrapped
from posterity.wrappers.diversity import Diversity

__all__ = ["Row", "guided", "measure", "overhead", "own"]

GUIDED = ("ddnm", "ddrm", "diffpir", "dps", "pgdm")

Row = dict[str, object]


def measure(method: Method, prior: Prior, rows: int, turns: int) -> Row:
    """Return a run's calls, median times of run and replay, and medians of their ratio and difference per turn."""
    problem, recorded = half(prior, rows, method.sigma_y), Recorded(prior)
    method.run(replace(problem, prior=recorded))
    calls = recorded.calls
    sides = partial(method.run, problem), partial(replay, prior, calls)
    taken = turn_by_turn(turns, *sides, device=prior.device)
    return {
        "method": method.name,
        "implementation": method.implementation,
        "forwards": len(calls),
        "backwards": sum(call.backwards for call in calls),
        "run s": median(run for run, _ in taken),
        "replay s": median(alone for _, alone in taken),
        "ratio": median(run / alone for run, alone in taken),
        "own ms": 1e3 * median(run - alone for run, alone in taken) / len(calls),
    }


def overhead(shape: tuple[int, ...], steps: int, rows: int, turns: int) -> Iterator[Row]:
    """Measure every sampler with a U-Net of about a million random, frozen weights."""
    prior = UNet(shape)
    for method in [*methods(steps), *peers(steps)]:
        yield measure(method, prior, rows, turns)


def own(shape: tuple[int, ...], steps: int, rows: int, turns: int) -> Iterator[Row]:
    """Measure every sampler with the stand-in for the network."""
    prior = StandIn(shape)
    for method in [*methods(steps), *peers(steps)]:
        yield measure(method, prior, rows, turns)


def guided(shape: tuple[int, ...], steps: int, rows: int, turns: int) -> Iterator[Row]:
    """Measure the time that guidance adds to a step, of which the network takes ``network ms``.

    It is the difference of two runs with the stand-in, because with a network their scatter is larger.
    """
    stand_in, network = StandIn(shape), UNet(shape)
    around: Any = TypeAdapter(Diversity).validate_python({"eta": 0.5})
    for name in GUIDED:
        kinds = sampler(name, steps), Wrapped(sampler(name, steps), (around,))
        plain, pushed = (Method(name, "posterity", ours(kind), 0.1) for kind in kinds)
        problem = half(stand_in, rows, 0.1)
        sides = partial(plain.run, problem), partial(pushed.run, problem)
        longer = median(with_it - without for without, with_it in turn_by_turn(turns, *sides))
        recorded = Recorded(stand_in)
        plain.run(replace(problem, prior=recorded))
        (step,) = medians(turns, partial(replay, network, recorded.calls[:1]))
        added = 1e3 * longer / len(recorded.calls)
        yield {"method": name, "added ms": added, "network ms": 1e3 * step, "share": added / (1e3 * step)}
