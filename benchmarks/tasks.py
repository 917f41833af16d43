"""The problem that speed is measured on, with our samplers and the peers'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers import through_azula, through_deepinv
from posterity import samplers
from posterity.diffusion.grids import spaced, strided
from posterity.diffusion.noise import Noise
from posterity.operators.build import build
from posterity.operators.masks import Inpainting
from posterity.priors.base import Prior
from posterity.samplers.base import Problem, Sampler

__all__ = ["Method", "half", "masked", "methods", "ours", "peers", "sampler"]

_FEW = {"copaint_tt": {"jump_length": 4}, "repaint": {"jump_length": 4, "jump_repeat": 2}}
"""Settings that allow as few levels as requested."""


@dataclass(frozen=True)
class Method:
    """A sampler to time, ours or a peer's, on a problem with any prior."""

    name: str
    implementation: str
    run: Callable[[Problem], Tensor]
    sigma_y: float


def half(prior: Prior, rows: int, sigma_y: float) -> Problem:
    """Return a problem whose right half is missing; every four rows are samples of one item."""
    x = torch.rand(rows, *prior.signal_shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return masked(prior, x, sigma_y, torch.arange(rows) // 4)


def masked(prior: Prior, x: Tensor, sigma_y: float, items: Tensor) -> Problem:
    """Return the problem of x (B, C, H, W) with its right half missing; no noise is added to the rest."""
    shape = prior.signal_shape
    keep = torch.ones(1, 1, *shape[1:])
    keep[..., shape[-1] // 2 :] = 0
    operator = build({"operator": "inpaint"}, shape, {"keep": keep}, prior.dtype, prior.device)
    return Problem(prior, operator, operator(x.to(prior.device, prior.dtype)), sigma_y, items.to(prior.device))


def ours(sampler: Sampler) -> Callable[[Problem], Tensor]:
    """Return a run of the sampler with our per-row noise."""

    def run(problem: Problem) -> Tensor:
        rows = range(len(problem))
        prior = problem.prior
        noise = Noise(0, [str(row // 4) for row in rows], [row % 4 for row in rows], prior.dtype, prior.device)
        return sampler.sample(problem, noise).x

    return run


def sampler(name: str, steps: int) -> Sampler:
    """Return the sampler with ``steps`` steps or levels."""
    kind: Any = samplers.find(name)
    return kind(steps=steps, **_FEW.get(name, {}))


def methods(steps: int) -> Iterator[Method]:
    """Yield every sampler that needs only a denoiser and a mask, with ``steps`` steps or levels."""
    for name in samplers.names():
        needs = samplers.find(name).needs
        if needs <= Inpainting.has | {"noise", "noiseless"}:
            yield Method(name, "posterity", ours(sampler(name, steps)), 0.0 if "noiseless" in needs else 0.1)


def peers(steps: int) -> Iterator[Method]:
    """Yield the peers' samplers over the same times."""
    even, low = [*reversed(spaced(steps)), -1], [*reversed(strided(steps)), -1]
    azula, deepinv = through_azula, through_deepinv
    yield Method("dps", "azula", lambda p: azula.dps(p, even), 0.1)
    yield Method("dps", "deepinv", lambda p: deepinv.dps(p, even), 0.1)
    yield Method("pgdm", "azula", lambda p: azula.pgdm(p, low), 0.1)
    yield Method("pgdm", "deepinv", lambda p: deepinv.pgdm(p, low), 0.1)
    yield Method("ddrm", "deepinv", lambda p: deepinv.ddrm(p, low), 0.1)
    yield Method("diffpir", "azula", lambda p: azula.diffpir(p, low[:-1]), 0.1)
    yield Method("diffpir", "deepinv", lambda p: deepinv.diffpir(p, steps), 0.1)
    yield Method("repaint", "azula", lambda p: azula.repaint(p, even, 2), 0.0)
