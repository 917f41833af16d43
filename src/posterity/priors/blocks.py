"""The blockwise kernel prior: regions of aligned images, recombined within groups."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.schedule import Schedule
from posterity.priors._blocks import BlockPrior

__all__ = ["Blocks"]


class Blocks(BlockPrior):
    r"""p(x) = Σ_g W_g Π_r Σ_{k∈g} w_{k|g} N(x_r; m_{k,r}, h² I).

    Its draws are new images: the eyes of one item and the mouth of another, both of one group (for example
    of one base colour). The posterior is exact for operators whose V doesn't mix regions: masks, denoising,
    colorization. Modes are the contents of the most hidden region (least measured share, the first of ties)
    with all other regions summed out; equal contents are one mode, numbered by the first item that shows it.

    Arguments:
        images: (K, C, H, W) in [-1, 1].
        weights: (K,), non-negative, not necessarily normalised.
        bandwidth: h, in the units of x.
        groups: long (K,).
        regions: bool (R, H, W), every pixel in exactly one region.
        schedule: noise schedule; linear by default.
    """

    def __init__(
        self,
        images: Tensor,
        weights: Tensor,
        bandwidth: float,
        groups: Tensor,
        regions: Tensor,
        schedule: Schedule | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        if not (regions.sum(0) == 1).all() or not regions.flatten(1).any(1).all():
            raise ValueError("regions must be non-empty and hold every pixel exactly once")
        full = regions[:, None].expand(-1, images.shape[1], -1, -1).flatten(1)
        super().__init__(images, weights, bandwidth, groups, [r.nonzero()[:, 0] for r in full], schedule, dtype)
