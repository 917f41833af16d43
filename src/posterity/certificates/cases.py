"""The problems that samplers are checked on: a prior whose posterior is known, and a linear task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posterity.certificates.conditional import Components, Conditional
from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.operators.build import build
from posterity.priors.base import Prior
from posterity.priors.gaussian import Gaussian
from posterity.priors.kernel import Kernel
from posterity.priors.mixture import Mixture

__all__ = ["PRIORS", "TASKS", "Case", "make"]

TASKS: dict[str, dict[str, Any]] = {
    "inpaint": {"operator": "inpaint", "sigma_y": 0.0},
    "inpaint_noisy": {"operator": "inpaint", "sigma_y": 0.1},
    "denoise": {"operator": "denoise", "sigma_y": 0.3},
    "pool_noisy": {"operator": "pool", "factor": 2, "sigma_y": 0.1},
}
"""Tasks by name; inpainting misses the right half, ``pool`` averages 2 × 2 pixels."""

Build = Callable[[Tensor | None], tuple[Prior, Components]]


@dataclass(frozen=True)
class Case:
    """R measurements of signals drawn from the prior itself, and one more to look at in depth, the last.

    Arguments:
        prior_name, task_name: for people.
        prior: what samplers see.
        components: the same prior, as certificates see it.
        operator: A, shared by all rows.
        matrix: A as a matrix (m, d), measured entries alone.
        sigma_y: noise level in the units of x.
        truths: (R + 1, d).
        y: (R + 1, *measurement).
        exact: the exact posteriors of all R + 1.
    """

    prior_name: str
    task_name: str
    prior: Prior
    components: Components
    operator: Operator
    matrix: Tensor
    sigma_y: float
    truths: Tensor
    y: Tensor
    exact: Conditional

    @property
    def replicates(self) -> int:
        """R."""
        return len(self.truths) - 1

    @property
    def measured(self) -> Tensor:
        """y as vectors of the measured entries, (R + 1, m)."""
        return self.y.flatten(1)[:, self.operator.where_measured(self.y[:1]).flatten() > 0]

    def residuals(self, x: Tensor, first: int = 0) -> Tensor:
        """‖y_r - A x‖² of x (R', S, d), whose rows are the measurements from ``first`` on, (R', S)."""
        y = self.measured[first : first + len(x), None]
        return (y - x @ self.matrix.T).square().sum(2)


def _gaussian(_: Tensor | None) -> tuple[Prior, Components]:
    """4 × 4 pixels, smooth, standard deviation 0.2: five of them fit between -1 and 1, so nothing is clipped."""
    at = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    covariance = 0.04 * torch.exp(-torch.cdist(at, at) / 2)
    prior = Gaussian(0.1 * torch.ones(1, 4, 4, dtype=torch.float64), covariance)
    return prior, Components(prior.weights, prior.means, prior.covariances)


def _mixture(_: Tensor | None) -> tuple[Prior, Components]:
    """4 × 4 pixels; each half is light or dark, and the left half says something about the right one."""
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    means = 0.3 * signs.repeat_interleave(2, dim=1)[:, None, None, :].expand(-1, 1, 4, -1)
    weights = torch.tensor([0.40, 0.10, 0.15, 0.35], dtype=torch.float64)
    prior = Mixture(weights, means, 0.1**2)
    return prior, Components(prior.weights, prior.means, prior.covariances)


def _kernel(images: Tensor | None) -> tuple[Prior, Components]:
    """Images themselves, each a mode of width 0.1; without a data set, draws of the mixture on 8 × 8 pixels."""
    if images is None:
        _, small = _mixture(None)
        coarse = small.draw(24, "images").view(-1, 1, 4, 4)
        fine = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        images = fine.clamp(-1, 1)
    images = images.double().unique(dim=0)
    bandwidth, d = 0.1, images[0].numel()
    weights = torch.full((len(images),), 1 / len(images), dtype=torch.float64)
    covariance = bandwidth**2 * torch.eye(d, dtype=torch.float64)
    return Kernel(images, weights, bandwidth), Components(weights, images.flatten(1), covariance[None])


PRIORS: dict[str, Build] = {"gaussian": _gaussian, "mixture": _mixture, "kernel": _kernel}
"""Priors of known posterior by name; each takes the images of a data set (N, C, H, W), or None."""


def make(prior: str, task: str, replicates: int, images: Tensor | None = None, seed: int = 0) -> Case:
    """The case of one prior and one task.

    Raises:
        PosterityError: when there is no such prior or task.
    """
    for kind, name, known in (("prior", prior, PRIORS), ("task", task, TASKS)):
        if name not in known:
            raise PosterityError(f"{kind} {name!r} is not one that verify knows; choose one of {', '.join(known)}")
    denoiser, components = PRIORS[prior](images)
    settings, shape = TASKS[task], denoiser.signal_shape
    operator = build(settings, shape, _parameters(settings, shape))
    truths = components.draw(replicates + 1, prior, task, seed)
    y = operator(truths.unflatten(1, shape))
    drawn = torch.from_numpy(generator("verify", prior, task, seed, "y").standard_normal(tuple(y.shape)))
    y = y + settings["sigma_y"] * operator.where_measured(y) * drawn
    matrix = _matrix(operator, shape, y[:1])
    seen = operator.where_measured(y[:1]).flatten() > 0
    exact = Conditional(components, matrix, y.flatten(1)[:, seen], settings["sigma_y"])
    return Case(prior, task, denoiser, components, operator, matrix, settings["sigma_y"], truths, y, exact)


def _parameters(settings: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Tensor]:
    if settings["operator"] != "inpaint":
        return {}
    keep = torch.ones(1, 1, *shape[1:])
    keep[..., shape[2] // 2 :] = 0
    return {"keep": keep}


def _matrix(operator: Operator, shape: tuple[int, ...], y: Tensor) -> Tensor:
    basis = torch.eye(math.prod(shape), dtype=torch.float64).unflatten(1, shape)
    return operator(basis).flatten(1).T[operator.where_measured(y).flatten() > 0]
