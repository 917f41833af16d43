"""How far samplers are from the exact posterior of the closed-form problems, instance by instance.

A job is one (prior, dimension, name); the name stands for one method with its settings, or for a sweep
over several. Finished instances are kept as parts, so a job continues where it was stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError
from posterity.stages._interruption import between_items
from posterity.stages._parts import Parts

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.certificates.cases import Instance
    from posterity.certificates.toys import Toy
    from posterity.samplers.base import Cost

__all__ = ["REFERENCES", "run"]

_log = logging.getLogger(__name__)
_PRIOR_DRAWS = 2000


@dataclass(frozen=True)
class _Result:
    """One number; ``diverged`` is the share of draws that were replaced by draws of the prior."""

    value: float
    cost: Cost
    diverged: float = 0.0


def run(settings: Mapping[str, Any], *, output: Path) -> None:
    """Writes the artifact "distances".

    ``settings`` holds prior, dim, name, runs (a list of {method, settings}), first and instances (which
    ones), samples, directions and seed.

    Raises:
        PosterityError: when a method or a setting does not exist, before anything is computed.
    """
    runs = [_runner(entry) for entry in settings["runs"]]
    rows: list[dict[str, Any]] = []
    first, count = int(settings["first"]), int(settings["instances"])
    with Parts(output, "distances", settings) as parts, between_items() as pause:
        if parts.restored():
            return
        for number in range(first, first + count):
            found = parts.read(number)
            if found is None:
                pause(f"{number - first} of {count} instances")
                _log.info("%s, dim %d: instance %d", settings["name"], settings["dim"], number)
                found = _instance(settings, runs, number)
                parts.write(number, found)
            rows += found
        parts.publish(rows)


def _instance(settings: Mapping[str, Any], runs: list[Callable[..., _Result]], number: int) -> list[dict[str, Any]]:
    from posterity.certificates.toys import TOYS

    toy = TOYS[settings["prior"]](int(settings["dim"]), number, int(settings["seed"]))
    statistic = _STATISTICS[settings["prior"]]
    key = {"prior": settings["prior"], "dim": settings["dim"], "sampler": settings["name"], "instance": number}
    rows = []
    for entry, one in zip(settings["runs"], runs, strict=True):
        found = one(toy, settings, number)
        rows.append(
            key
            | {"method": entry["method"], "settings": json.dumps(entry["settings"], sort_keys=True)}
            | {"statistic": statistic.__name__.strip("_"), "value": found.value, "diverged": found.diverged}
            | {"forwards": found.cost.forwards, "backwards": found.cost.backwards, "seconds": found.cost.seconds}
        )
    return rows


def _runner(entry: Mapping[str, Any]) -> Callable[..., _Result]:
    """What computes the entry's number of a toy."""
    from posterity import samplers

    method, given = entry["method"], entry["settings"]
    if method in REFERENCES:
        return lambda toy, settings, number: REFERENCES[method](toy, settings, number, **given)
    try:
        sampler = samplers.find(method)(**given)
    except KeyError:
        valid = ", ".join([*samplers.names(), *REFERENCES])
        raise PosterityError(f"method {method!r} does not exist; choose one of {valid}") from None
    except (TypeError, ValueError) as error:
        raise PosterityError(f"sampler {method}: {' '.join(str(error).split())}") from error

    def restore(toy: Toy, settings: Mapping[str, Any], number: int) -> _Result:
        import torch

        from posterity.certificates import evidence

        rows = torch.zeros(int(settings["samples"]), dtype=torch.long)
        x, cost = evidence.restore(sampler, _seen(toy, settings, number), rows, _noise(settings, number))
        return _compared(toy, settings, number, x, cost)

    return restore


def _seen(toy: Toy, settings: Mapping[str, Any], number: int) -> Instance:
    from posterity.certificates.cases import seen

    return seen(toy, _PRIOR_DRAWS, "distance", settings["seed"], number)


def _noise(settings: Mapping[str, Any], number: int) -> Any:
    """The same for every sampler, so that comparisons are paired."""
    from posterity.certificates.probing import Streams

    count = int(settings["samples"])
    return Streams(1_000_000 * int(settings["seed"]) + number, [""] * count, range(count))


def _compared(toy: Toy, settings: Mapping[str, Any], number: int, x: Tensor, cost: Cost) -> _Result:
    """Draws (S, d) against the exact posterior."""
    from posterity.certificates.evidence import Pools

    pools = Pools.of(_seen(toy, settings, number), x[None], (settings["seed"], number))
    value = _STATISTICS[settings["prior"]](pools, int(settings["directions"]))
    return _Result(value, cost, float(pools.diverged.double().mean()))


def _sliced_wasserstein(pools: Any, directions: int) -> float:
    """To as many exact draws, the same for every sampler."""
    import torch

    from posterity.certificates.statistics.sliced_wasserstein import sliced
    from posterity.diffusion.noise import generator

    drawn = generator("directions", pools.instance.dim).standard_normal((directions, pools.instance.dim))
    unit = torch.from_numpy(drawn)
    unit = unit / unit.norm(dim=1, keepdim=True)
    return float(sliced(pools.x, pools.instance.exact.draw(pools.draws, "distance", *pools.key), unit)[0])


def _w2(pools: Any, directions: int) -> float:  # noqa: ARG001 - moments need none
    """Between the Gaussians with the draws' moments and with the exact ones."""
    import torch

    from posterity.certificates.probing import Moments
    from posterity.certificates.recursion import wasserstein

    x, exact = pools.x[0], pools.instance.exact
    return wasserstein(Moments(x.mean(0), torch.cov(x.T)), Moments(exact.mean[0], exact.covariances[0]))


_STATISTICS: Mapping[str, Callable[..., float]] = {"mixture": _sliced_wasserstein, "gaussian": _w2}


def _prior(toy: Toy, settings: Mapping[str, Any], number: int) -> _Result:
    """Draws that never look at y."""
    from posterity.samplers.base import Cost

    x = toy.components.draw(int(settings["samples"]), "instead", settings["seed"], number)
    return _compared(toy, settings, number, x, Cost())


def _exact_score(toy: Toy, settings: Mapping[str, Any], number: int, steps: int = 1000) -> _Result:
    """The ancestral sampler with the posterior's own denoiser."""
    import time

    from posterity.certificates.ancestral import ancestral, as_prior
    from posterity.samplers.base import Cost

    exact, began = _seen(toy, settings, number).exact, time.perf_counter()
    x = ancestral(as_prior(exact, toy.prior), _noise(settings, number), steps).flatten(1)  # type: ignore[arg-type]
    return _compared(toy, settings, number, x, Cost(1, steps, seconds=time.perf_counter() - began))


def _recursion(
    toy: Toy,
    settings: Mapping[str, Any],  # noqa: ARG001
    number: int,  # noqa: ARG001
    eta: float = 0.5,
    steps: int = 100,
    backward: str = "ddpm",
    potential: str = "dps",
) -> _Result:
    """Moments of midpoint guidance with exact fits, for a Gaussian."""
    from posterity.certificates.recursion import Recursion, posterior, proportional, wasserstein
    from posterity.priors.gaussian import Gaussian
    from posterity.samplers.base import Cost

    if not isinstance(toy.prior, Gaussian):
        raise PosterityError("method recursion is for the Gaussian alone; moments say little about a mixture")
    exact = posterior(toy.prior, toy.matrix, toy.y[0], toy.sigma_y)
    followed = Recursion(toy.prior, toy.matrix, toy.y[0], toy.sigma_y, steps, backward, potential)
    return _Result(wasserstein(followed.moments(proportional(eta)), exact), Cost())


REFERENCES: Mapping[str, Callable[..., _Result]] = {
    "prior": _prior,
    "exact_score": _exact_score,
    "recursion": _recursion,
}
"""What can be named like a method: bounds from both sides, and the recursion, which draws nothing."""
