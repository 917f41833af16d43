"""The kernel prior: a data set as a mixture of isotropic Gaussians around its images."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.schedule import Schedule
from posterity.priors._blocks import BlockPrior

__all__ = ["Kernel"]


class Kernel(BlockPrior):
    r"""p(x) = Σ_k w_k N(x; m_k, h² I), with exact E[x0 | x_t] and an exact posterior for operators with an SVD.

    The largest tensor besides the data (K, d) is the table of responsibilities (B, K), and an evaluation
    is two matrix products. Modes are images; images that are equal in 8 bits are one mode, with the lowest
    of their numbers.

    Arguments:
        images: (K, *signal) in [-1, 1].
        weights: (K,), non-negative, not necessarily normalised.
        bandwidth: h, in the units of x.
        schedule: noise schedule; linear by default.
        dtype: precision of the stored data and of all results.
    """

    def __init__(
        self,
        images: Tensor,
        weights: Tensor,
        bandwidth: float,
        schedule: Schedule | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        everything = torch.arange(images[0].numel())
        groups = torch.zeros(len(images), dtype=torch.long)
        super().__init__(images, weights, bandwidth, groups, [everything], schedule, dtype)
