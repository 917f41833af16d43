"""Latent priors to certify solvers on: states of known law behind an affine decoder, for which everything stays exact.

They are looked at in states: signals of an affine decoder have a singular covariance, and say nothing that states do
not.
"""

from __future__ import annotations

import torch

from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.gaussian import Gaussian
from posterity.priors.latent import Latent
from posterity.priors.mixture import Mixture

__all__ = ["decoder", "gaussian", "mixture"]

_SCALE = 3.0
"""Of states over signals: pixels vary by about a third of what states do."""


def decoder() -> PatchPCA:
    """Return the one that both have: 2 × 2 patches of 4 × 4 pixels, two components of each, a mean that is not 0.

    The first component is the patch's mean and the second goes from left to right, so that averages over patches say
    nothing of half of a state.
    """
    components = torch.tensor([[0.5, 0.5], [0.5, -0.5], [0.5, 0.5], [0.5, -0.5]], dtype=torch.float64)
    centre = torch.tensor([0.1, 0.05, 0.1, 0.0], dtype=torch.float64)
    return PatchPCA(components, centre, _SCALE, (1, 4, 4), 2)


def gaussian() -> Latent:
    """Return 8 numbers of variance 1, of which neighbours of a component go together."""
    at = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0)).double()
    covariance = torch.block_diag(*[torch.exp(-torch.cdist(at, at) / 2)] * 2)
    return Latent(Gaussian(0.3 * torch.ones(2, 2, 2, dtype=torch.float64), covariance), decoder())


def mixture() -> Latent:
    """Return four modes of the mixture of pixels, as states: the left half says something about the right one."""
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    means = signs[:, None, None, :].expand(-1, 2, 2, -1) * torch.tensor([0.9, 0.3]).double().view(1, 2, 1, 1)
    weights = torch.tensor([0.40, 0.10, 0.15, 0.35], dtype=torch.float64)
    return Latent(Mixture(weights, means, 0.4**2), decoder())
