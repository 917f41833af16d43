"""Problems with a known posterior, and noise that our samplers share with a peer's."""

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
    """Noise from torch's global generator in the order of the calls, as the peers draw it."""

    scale: float = 1.0

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        return self.scale * torch.randn(len(self), *shape, dtype=self.dtype, device=self.device)


def rows(count: int, scale: float = 1.0) -> InOrder:
    """Return shared noise for ``count`` rows."""
    return InOrder(0, [""] * count, range(count), scale=scale)


def white() -> Gaussian:
    """Return N(0, I): independent pixels of variance 1."""
    return Gaussian(torch.zeros(SHAPE), torch.eye(16))


def correlated() -> Gaussian:
    """Return a Gaussian of mean 0.1, standard deviation 0.25 and a correlation length of two pixels, within [-1, 1]."""
    places = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    covariance = 0.25**2 * torch.exp(-torch.cdist(places, places) / 2)
    return Gaussian(torch.full(SHAPE, 0.1), covariance)


def problem(prior: Gaussian, sigma_y: float, count: int) -> Problem:
    """Return ``count`` rows of one measurement of the left half of a signal from the prior."""
    generator = torch.Generator().manual_seed(4)
    keep = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    keep[..., :2] = 1
    operator = Inpainting(keep, SHAPE)
    values, vectors = torch.linalg.eigh(prior.covariance)
    z = torch.randn(16, generator=generator, dtype=torch.float64)
    # The symmetric root is unique, unlike the eigenvectors of equal eigenvalues, which differ between processors and
    # would turn z into a different signal.
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    x = prior.mean + (root @ z).view(SHAPE)
    y = operator(x + sigma_y * torch.randn(1, *SHAPE, generator=generator, dtype=torch.float64))
    return Problem(prior, operator, y.expand(count, *SHAPE).contiguous(), sigma_y, torch.arange(count))
