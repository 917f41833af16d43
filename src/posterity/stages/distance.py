"""Measures how far samplers are from the exact posterior of the closed-form problems, instance by instance.

A job is one (prior, dimension, name); the name stands for one method with its settings, or for a sweep
over several. Finished instances are kept as parts, so an interrupted job resumes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.jobs.interruption import between_items
from posterity.jobs.resume import Parts
from posterity.stages._references import REFERENCES, Reference, Result, noise, seen
from posterity.stages._settings import Distance, Run, built

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.certificates.toys import Toy
    from posterity.samplers.base import Cost

__all__ = ["REFERENCES", "run"]

_log = logging.getLogger(__name__)


def run(settings: Mapping[str, Any], *, output: Path) -> None:
    """Write the artifact "distances".

    ``settings`` holds prior, dim, name, runs (a list of {method, settings}), first and instances (which
    ones), samples, directions and seed.

    Raises:
        PosterityError: before anything is computed, if a method or a setting does not exist.
    """
    how = Distance.of(settings)
    runs = [_runner(entry) for entry in how.runs]
    rows: list[dict[str, Any]] = []
    with Parts(output, "distances", settings) as parts, between_items() as pause:
        if parts.restored():
            return
        for number in range(how.first, how.first + how.instances):
            found = parts.read(number)
            if found is None:
                pause(f"{number - how.first} of {how.instances} instances")
                _log.info("%s, dim %d: instance %d", how.name, how.dim, number)
                found = _instance(how, runs, number)
                parts.write(number, found)
            rows += found
        parts.publish(rows)


def _instance(how: Distance, runs: list[Callable[..., Result]], number: int) -> list[dict[str, Any]]:
    from posterity.certificates.toys import TOYS

    toy = TOYS[how.prior](how.dim, number, how.seed)
    statistic = _STATISTICS[how.prior]
    key = {"prior": how.prior, "dim": how.dim, "sampler": how.name, "instance": number}
    rows = []
    for entry, one in zip(how.runs, runs, strict=True):
        found = one(toy, how, number)
        rows.append(
            key
            | {"method": entry.method, "settings": json.dumps(entry.settings, sort_keys=True)}
            | {"statistic": statistic.__name__.strip("_"), "value": found.value, "diverged": found.diverged}
            | {"forwards": found.cost.forwards, "backwards": found.cost.backwards, "seconds": found.cost.seconds}
        )
    return rows


def _runner(entry: Run) -> Callable[..., Result]:
    """Return the function that computes the entry's distance on a toy."""
    from posterity import samplers

    method, given = entry.method, entry.settings
    if method in REFERENCES:
        return partial(_referred, built(REFERENCES[method], given, f"method {method}"))
    samplers.REGISTRY.known(method, [*samplers.names(), *REFERENCES])
    sampler = built(samplers.find(method), given, f"sampler {method}")

    def restore(toy: Toy, how: Distance, number: int) -> Result:
        import torch

        from posterity.certificates import evidence

        rows = torch.zeros(how.samples, dtype=torch.long)
        x, cost = evidence.restore(sampler, seen(toy, how, number), rows, noise(how, number))
        return _compared(toy, how, number, x, cost)

    return restore


def _referred(reference: Reference, toy: Toy, how: Distance, number: int) -> Result:
    return reference.result(toy, how, number, _compared)


def _compared(toy: Toy, how: Distance, number: int, x: Tensor, cost: Cost) -> Result:
    """Compare draws (S, d) with the exact posterior."""
    from posterity.certificates.evidence import Pools

    pools = Pools.of(seen(toy, how, number), x[None], (how.seed, number))
    value = _STATISTICS[how.prior](pools, how.directions)
    return Result(value, cost, float(pools.diverged.double().mean()))


def _sliced_wasserstein(pools: Any, directions: int) -> float:
    """Return the sliced Wasserstein distance to equally many exact draws, which are the same for every sampler."""
    import torch

    from posterity.certificates.statistics.sliced_wasserstein import sliced
    from posterity.diffusion.noise import generator

    drawn = generator("directions", pools.instance.dim).standard_normal((directions, pools.instance.dim))
    unit = torch.from_numpy(drawn)
    unit = unit / unit.norm(dim=1, keepdim=True)
    return float(sliced(pools.x, pools.instance.exact.draw(pools.draws, "distance", *pools.key), unit)[0])


def _w2(pools: Any, directions: int) -> float:  # noqa: ARG001 - moments need none
    """Return W2 between two Gaussians, one with the draws' moments and one with the exact moments."""
    import torch

    from posterity.certificates.probing import Moments
    from posterity.certificates.recursion import wasserstein

    x, exact = pools.x[0], pools.instance.exact
    return wasserstein(Moments(x.mean(0), torch.cov(x.T)), Moments(exact.mean[0], exact.covariances[0]))


_STATISTICS: Mapping[str, Callable[..., float]] = {"mixture": _sliced_wasserstein, "gaussian": _w2}
