"""Draws pools of samples: the one place that gives a sampler its problem and the noise of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.priors.base import Prior
from posterity.samplers.base import Cost, Problem, Sampler, Watch
from posterity.samplers.severity import Severity

__all__ = ["Pool", "draw"]


@dataclass(frozen=True)
class Pool:
    """Samples of one or several items, with the measurement of each.

    Arguments:
        x: (B, *signal) in [-1, 1] up to overshoot.
        items: name of each row's item.
        numbers: sample number of each row.
        operator: A of each row.
        y: measurement of each row, (B, *measurement).
        cost: cost of all rows together.
        starts: start index of each row, None if the sampler starts at the first step.
    """

    x: Tensor
    items: Sequence[str]
    numbers: Sequence[int]
    operator: Operator
    y: Tensor
    cost: Cost
    starts: Sequence[int | None]


def draw(
    sampler: Sampler,
    prior: Prior,
    operator: Operator,
    y: Tensor,
    sigma_y: float,
    items: Sequence[str],
    *,
    count: int,
    seed: int,
    called: str,
    chosen: Sequence[int] | None = None,
    watch: Watch | None = None,
    severities: Mapping[str, Severity] | None = None,
) -> Pool:
    """Draw ``count`` samples of every item in one batch.

    The noise of a sample depends only on the seed, the name of its item and its number.

    Arguments:
        sampler: with its settings, and wrappers around it.
        prior: the denoiser.
        operator: A, one row per item.
        y: one row per item, (N, *measurement).
        sigma_y: noise level in the units of x.
        items: their names.
        count: samples of each.
        seed: seed of all noise.
        called: name of the sampler in error messages.
        chosen: indices of the items to restore; all by default.
        watch: called at every step.
        severities: {item: its severity}, for a sampler that starts late.

    Raises:
        PosterityError: if the sampler does not support the problem, or diverges on an item.
    """
    index = torch.tensor(range(len(items)) if chosen is None else chosen, device=prior.device).repeat_interleave(count)
    rows, seen = operator.rows(index), y[index]
    names = [items[i] for i in index.tolist()]
    numbers = list(range(count)) * (len(names) // count)
    noise = Noise(seed, names, numbers, prior.dtype, prior.device)
    begun = {name: severity.rows(index) for name, severity in (severities or {}).items()}
    problem = Problem(prior.rows(index), rows, seen, sigma_y, index, severities=begun)
    starts: Sequence[int | None] = sampler.starts(problem.of_states()) or [None] * len(names)
    done = sampler.sample(problem, noise, watch=watch)
    if not bool(done.x.isfinite().all()):
        bad = names[int((~done.x.flatten(1).isfinite().all(1)).nonzero()[0])]
        raise PosterityError(f"sampler {called} diverged on item {bad}; use a smaller step size")
    return Pool(done.x, names, numbers, rows, seen, done.cost, starts)
