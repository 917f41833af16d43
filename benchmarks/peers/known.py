"""Problems whose posterior is known, and noise that our samplers share with a peer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.operators.masks import Inpainting
from posterity.priors.gaussian import Gaussian
from posterity.samplers.base import Problem

__all__ = ["SHAPE", "InOrder", "correlated", "problem", "rows", "white"]

SHAPE = (1, 4, 4)
"""16 pixels, of which the left half is measured."""


@dataclass(frozen=True)
class InOrder(Noise):
    """Draws from torch's global generator in the order in which they are asked for, as the peers draw."""

    scale: float = 1.0

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        return self.scale * torch.randn(len(self), *shape, dtype=self.dtype, device=self.device)


def rows(count: int, scale: float = 1.0) -> InOrder:
    """Shared noise for ``count`` rows."""
    return InOrder(0, [""] * count, range(count), scale=scale)


def white() -> Gaussian:
    """N(0, I): pixels of variance 1 that know nothing of each other."""
    return Gaussian(torch.zeros(SHAPE), torch.eye(16))


def correlated() -> Gaussian:
    """Pixels of mean 0.1 and standard deviation 0.25, correlated over two pixels' distance; within [-1, 1]."""
    places = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    covariance = 0.25**2 * torch.exp(-torch.cdist(places, places) / 2)
    return Gaussian(torch.full(SHAPE, 0.1), covariance)


def problem(prior: Gaussian, sigma_y: float, count: int) -> Problem:
    """``count`` rows of one measurement of the left half of one signal of the prior."""
    generator = torch.Generator().manual_seed(4)
    keep = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    keep[..., :2] = 1
    operator = Inpainting(keep, SHAPE)
    values, vectors = torch.linalg.eigh(prior.covariance)
    z = torch.randn(16, generator=generator, dtype=torch.float64)
    # Through the symmetric root, which is unique: some eigenvalues are equal, and of these each processor finds other
    # eigenvectors, so that z in their coordinates would be another signal.
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    x = prior.mean + (root @ z).view(SHAPE)
    y = operator(x + sigma_y * torch.randn(1, *SHAPE, generator=generator, dtype=torch.float64))
    return Problem(prior, operator, y.expand(count, *SHAPE).contiguous(), sigma_y, torch.arange(count))
