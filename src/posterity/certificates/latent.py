"""Latent priors for certificates: states of known law with an affine decoder, so that the posterior is exact.

Certificates compare states: signals of an affine decoder have a singular covariance and carry no further information.
"""

from __future__ import annotations

import torch

from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.gaussian import Gaussian
from posterity.priors.latent import Latent
from posterity.priors.mixture import Mixture

__all__ = ["decoder", "gaussian", "mixture"]

_SCALE = 3.0
"""Scale of states over signals: pixels vary about a third as much as states."""


def decoder() -> PatchPCA:
    """Return the decoder of both priors: 2 × 2 patches of 4 × 4 pixels, two components each, and a nonzero mean.

    The first component is the patch's mean and the second its left-right contrast, so that averages over patches
    leave half of a state undetermined.
    """
    components = torch.tensor([[0.5, 0.5], [0.5, -0.5], [0.5, 0.5], [0.5, -0.5]], dtype=torch.float64)
    centre = torch.tensor([0.1, 0.05, 0.1, 0.0], dtype=torch.float64)
    return PatchPCA(components, centre, _SCALE, (1, 4, 4), 2)


def gaussian() -> Latent:
    """Return a Gaussian of 8 numbers with variance 1, correlated between neighbours of a component."""
    at = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0)).double()
    covariance = torch.block_diag(*[torch.exp(-torch.cdist(at, at) / 2)] * 2)
    return Latent(Gaussian(0.3 * torch.ones(2, 2, 2, dtype=torch.float64), covariance), decoder())


def mixture() -> Latent:
    """Return the four modes of the pixel mixture as states, whose left and right halves are dependent."""
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    means = signs[:, None, None, :].expand(-1, 2, 2, -1) * torch.tensor([0.9, 0.3]).double().view(1, 2, 1, 1)
    weights = torch.tensor([0.40, 0.10, 0.15, 0.35], dtype=torch.float64)
    return Latent(Mixture(weights, means, 0.4**2), decoder())
