"""Two-dimensional states behind a smooth non-affine decoder: the posterior by quadrature, for every task.

An affine decoder cannot show how a solver handles a curved or inaccurate autoencoder. Here the decoder maps the plane
to a curved surface in signal space, and the encoder shrinks states by a tenth, which affects solvers that encode. A
grid on the plane resolves the posterior up to its spacing: draws and moments are as exact as those of Markov chains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.operators.base import Operator
from posterity.priors.autoencoders.base import Autoencoder
from posterity.priors.latent import Latent
from posterity.priors.mixture import Mixture

__all__ = ["Grid", "Warp", "prior"]

_SHRUNK = 0.9
"""Factor by which E(D(z)) shrinks z: the encoder is not the decoder's inverse."""
_SIDE, _POINTS = 4.0, 321
"""Half width of the grid, where the prior's density is 1e-6 of its maximum, and its number of points per side."""
_CHUNK = 40_000
"""Points of the grid that are decoded at a time."""


class Warp(Autoencoder):
    """D(z) = Q φ(z) with six smooth functions φ, and an encoder with E(D(z)) = 0.9 z.

    The columns of Q are orthonormal and spread over all 4 × 4 pixels, so that every task measures each function.

    Arguments:
        shrunk: factor of z in E(D(z)); 1 makes the encoder the decoder's inverse.
    """

    def __init__(self, shrunk: float = _SHRUNK) -> None:
        self.signal_shape, self.state_shape, self.shrunk = (1, 4, 4), (2, 1, 1), shrunk
        drawn = torch.from_numpy(generator("warp", "columns").standard_normal((16, 6)))
        self.columns = torch.linalg.qr(drawn)[0]

    def decode(self, z: Tensor, /) -> Tensor:
        a, b = z.flatten(1).unbind(1)
        features = torch.stack(
            [0.5 * a, 0.5 * b, 0.5 * torch.sin(2 * a), 0.5 * torch.tanh(2 * b), 0.2 * a * b, 0.2 * (a**2 - b**2)], dim=1
        )
        return (features @ self.columns.T.to(z)).view(-1, *self.signal_shape)

    def encode(self, x: Tensor, /) -> Tensor:
        found = x.flatten(1) @ self.columns[:, :2].to(x)
        return (self.shrunk / 0.5 * found).view(-1, *self.state_shape)


def prior(shrunk: float = _SHRUNK) -> Latent:
    """Return three Gaussians of states, of standard deviation 0.4, behind :class:`Warp`."""
    means = torch.tensor([[1.0, 0.6], [-1.1, 0.4], [0.1, -1.2]], dtype=torch.float64).view(3, 2, 1, 1)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    return Latent(Mixture(weights, means, 0.4**2), Warp(shrunk))


@dataclass(frozen=True)
class Grid:
    """p(z | y_r) of R measurements y_r = A D(z) + σ_y n on a grid of states, constant within each cell.

    Arguments:
        prior: prior of two-dimensional states, a mixture with one variance.
        operator: A, shared by all rows.
        y: (R, *measurement).
        sigma_y: noise level, > 0.
    """

    prior: Latent
    operator: Operator
    y: Tensor
    sigma_y: float

    def __len__(self) -> int:
        return len(self.y)

    @property
    def step(self) -> float:
        """Return the spacing of the grid."""
        return 2 * _SIDE / (_POINTS - 1)

    @cached_property
    def points(self) -> Tensor:
        """Return the points, (N, 2)."""
        axis = torch.linspace(-_SIDE, _SIDE, _POINTS, dtype=torch.float64)
        return torch.cartesian_prod(axis, axis)

    @cached_property
    def weights(self) -> Tensor:
        """Return the probability of each cell, (R, N)."""
        return (self._log_prior() + self._log_likelihood()).softmax(1)

    @cached_property
    def log_evidence(self) -> Tensor:
        """Return ln p(y_r), (R,)."""
        entries = int(self.operator.where_measured(self.y[:1]).sum())
        constant = 2 * math.log(self.step) - entries / 2 * math.log(2 * math.pi * self.sigma_y**2)
        return (self._log_prior() + self._log_likelihood()).logsumexp(1) + constant

    def _log_prior(self) -> Tensor:
        """Return the log density of states, (N,)."""
        mixture = self.prior.prior
        assert isinstance(mixture, Mixture)
        variance = float(mixture.covariances[0, 0, 0])
        squares = torch.cdist(self.points, mixture.means.flatten(1)).square()
        return (mixture.weights.log() - squares / 2 / variance).logsumexp(1) - math.log(2 * math.pi * variance)

    def _log_likelihood(self) -> Tensor:
        """Return -‖y_r - A D(z)‖²/2σ² over the measured entries, (R, N)."""
        seen = self.operator.where_measured(self.y[:1]).flatten() > 0
        y = self.y.flatten(1)[:, seen]
        parts = []
        for some in self.points.split(_CHUNK):
            found = self.operator(self.prior.decode(some.view(-1, 2, 1, 1))).flatten(1)[:, seen]
            parts.append(torch.cdist(y, found).square())
        return -torch.cat(parts, dim=1) / 2 / self.sigma_y**2

    def draw(self, count: int, *key: object) -> Tensor:
        """Return independent draws, (R, count, 2), a function of ``key``."""
        rng = generator("grid", *key)
        below = self._cumulative
        uniform = torch.from_numpy(rng.random((len(self), count))) * below[:, -1:]
        cells = torch.searchsorted(below, uniform).clamp(max=len(self.points) - 1)
        within = torch.from_numpy(rng.random((len(self), count, 2))) - 0.5
        return self.points[cells] + self.step * within

    @cached_property
    def _cumulative(self) -> Tensor:
        return self.weights.cumsum(1)

    @cached_property
    def mean(self) -> Tensor:
        """Return E[z | y_r], (R, 2)."""
        return self.weights @ self.points

    @cached_property
    def covariances(self) -> Tensor:
        """Return Cov(z | y_r), (R, 2, 2)."""
        products = (self.points[:, :, None] * self.points[:, None]).flatten(1)
        around = (self.weights @ products).view(-1, 2, 2) - self.mean[:, :, None] * self.mean[:, None]
        return around + self.step**2 / 12 * torch.eye(2, dtype=torch.float64)

    @property
    def total_variance(self) -> Tensor:
        """Return tr Cov(z | y_r), (R,)."""
        return self.covariances.diagonal(dim1=1, dim2=2).sum(1)
