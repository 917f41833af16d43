"""The kernel prior: a data set, seen as a mixture of isotropic Gaussians around its images."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.schedule import Schedule
from posterity.priors._blocks import BlockPrior

__all__ = ["Kernel"]


class Kernel(BlockPrior):
    r"""p(x) = Σ_k w_k N(x; m_k, h² I), with every E[x0 | x_t] and every SVD operator's posterior exact.

    The largest tensor besides the data (K, d) is the (B, K) table of responsibilities, so nothing is
    cut into pieces: an evaluation is two matrix products. Modes are images; images equal in eight
    bits are one mode, with the lowest of their numbers.

    Arguments:
        images: (K, *signal) in [-1, 1].
        weights: (K,), non-negative, need not sum to 1.
        bandwidth: h, in the units of x.
        schedule: noise schedule; linear by default.
        dtype: of the stored data and of all results.
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
