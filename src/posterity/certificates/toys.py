r"""The closed-form problems of MGPS's experiments: one dense measurement of a Gaussian or a mixture of 25.

Every instance has its own prior, matrix, truth and noise, drawn from one generator in this order, so that
it depends on (dimension, instance, seed) alone and samplers are compared on the same instances. Signals
have the shape (1, 1, d) and no range: the mixture's means reach 16, so samplers run with ``clamp: false``.

Not copied from the public code: it inflates a covariance by 1e-3 so that a Cholesky factor exists,
which makes the measured direction ten times too wide at d = 20.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posterity.certificates.conditional import Components
from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.dense import Dense
from posterity.priors.gaussian import Gaussian
from posterity.priors.mixture import Mixture

__all__ = ["TOYS", "Toy", "gaussian", "mixture"]

SPACING = 8.0
"""Distance between neighbouring means of the mixture, in standard deviations of a component."""


@dataclass(frozen=True)
class Toy:
    """One instance of a toy problem.

    Arguments:
        prior: the prior that samplers see.
        components: the same prior as certificates see it.
        operator: A, shared by all rows.
        y: (1, m).
        sigma_y: noise level in the units of x.
        truth: (1, 1, 1, d).
    """

    prior: Mixture
    components: Components
    operator: Dense
    y: Tensor
    sigma_y: float
    truth: Tensor

    @property
    def matrix(self) -> Tensor:
        """Return A, (m, d)."""
        return self.operator.matrix[0]


def mixture(dim: int, instance: int, seed: int = 0, measured: int = 1, sigma_y: float = 0.05) -> Toy:
    """Return 25 unit Gaussians at (8i, 8j), i, j = -2 … 2, tiled over the coordinates, with uniform random weights.

    A has independent N(0, 1) entries.

    Raises:
        PosterityError: if ``dim`` is odd or less than 2, or ``measured`` is not in 1 … dim.
    """
    if dim < 2 or dim % 2:
        raise PosterityError(f"dim {dim}: the mixture's means are pairs, so it must be even and at least 2")
    _check(dim, measured)
    rng = generator("mixture", dim, instance, seed)
    steps = SPACING * torch.arange(-2, 3, dtype=torch.float64)
    means = torch.cartesian_prod(steps, steps).repeat(1, dim // 2)
    weights = torch.from_numpy(rng.uniform(size=len(means)))
    weights = weights / weights.sum()
    matrix = _normal(rng, measured, dim)
    centre = means[rng.choice(len(means), p=weights.numpy())]
    truth = centre + _normal(rng, dim)
    prior = Mixture(weights, means.view(-1, 1, 1, dim), 1.0)
    return _toy(prior, matrix, truth, sigma_y, rng)


def gaussian(dim: int, instance: int, seed: int = 0, measured: int | None = None, sigma_y: float | None = None) -> Toy:
    """Return N(m, BBᵀ + I) with m ~ N(0, I) and unit columns of B; A has independent N(0, 1) entries.

    ``measured`` is drawn from 1 … dim/2 and ``sigma_y`` from [0.05, 1] unless they are given.

    Raises:
        PosterityError: if ``dim`` is less than 2, or ``measured`` is not in 1 … dim.
    """
    if dim < 2:
        raise PosterityError(f"dim {dim}: must be at least 2")
    rng = generator("gaussian", dim, instance, seed)
    mean, factor = _normal(rng, dim), _normal(rng, dim, dim)
    factor = factor / factor.norm(dim=0)
    covariance = factor @ factor.T + torch.eye(dim, dtype=torch.float64)
    drawn = int(rng.integers(1, dim // 2 + 1)), float(rng.uniform(0.05, 1))
    measured = drawn[0] if measured is None else measured
    _check(dim, measured)
    matrix = _normal(rng, measured, dim)
    truth = mean + torch.linalg.cholesky(covariance) @ _normal(rng, dim)
    prior = Gaussian(mean.view(1, 1, dim), covariance)
    return _toy(prior, matrix, truth, drawn[1] if sigma_y is None else sigma_y, rng)


TOYS = {"mixture": mixture, "gaussian": gaussian}
"""Toy problems by the name of their prior."""


def _check(dim: int, measured: int) -> None:
    if not 1 <= measured <= dim:
        raise PosterityError(f"measured {measured}: of {dim} unknowns, 1 … {dim} can be measured")


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape))


def _toy(prior: Mixture, matrix: Tensor, truth: Tensor, sigma_y: float, rng: np.random.Generator) -> Toy:
    components = Components(prior.weights, prior.means, prior.covariances)
    y = (matrix @ truth + sigma_y * _normal(rng, len(matrix)))[None]
    return Toy(
        prior, components, Dense(matrix[None], prior.signal_shape), y, sigma_y, truth.view(1, *prior.signal_shape)
    )
