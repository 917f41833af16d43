r"""The common base of the whole-image and the blockwise kernel prior.

A signal is divided into blocks of coordinates. Given a group g, blocks are independent, and each is
a mixture of isotropic Gaussians around the contents of the group's items there:

.. math:: p(x) = \sum_g W_g \prod_r \sum_{c \in r} w_{c|g}\, N(x_r; m_{r,c}, h^2 I).

One block and one group give the whole-image kernel prior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.schedule import Schedule
from posterity.operators.base import Operator
from posterity.priors.base import ExactPosterior, Prediction, Prior

__all__ = ["Block", "BlockPrior"]


@dataclass(frozen=True)
class Block:
    """One block of n coordinates with its N distinct contents.

    Arguments:
        index: long (n,), coordinates in the flattened signal.
        centre: (n,), subtracted from all contents so that squared distances do not cancel.
        contents: (N, n), centred.
        squares: (N,), squared norms of the centred contents.
        ids: long (N,), the first item that shows each content.
        log_weights: (G, N), log w_{c|g}; -inf for contents that don't occur in a group.
    """

    index: Tensor
    centre: Tensor
    contents: Tensor
    squares: Tensor
    ids: Tensor
    log_weights: Tensor

    def logits(self, x: Tensor, a: float, variance: float) -> Tensor:
        """Return log N(x_r; √a m_c, variance·I) up to a term that all contents share, (B, d) → (B, N).

        Omitting that term avoids large numbers and leaves one matrix product.
        """
        root = math.sqrt(a)
        shifted = x[:, self.index] - root * self.centre
        return (root * (shifted @ self.contents.T) - a / 2 * self.squares) / variance

    def blend(self, responsibilities: Tensor) -> Tensor:
        """Return the mean content under responsibilities (B, N), (B, n)."""
        return self.centre + responsibilities @ self.contents


class BlockPrior(Prior):
    """The block prior of the module docstring; subclasses define blocks and groups.

    Items of weight 0 are excluded. Contents that are equal in 8 bits are one content, whose id is the lowest
    item number that shows it; ids are row numbers of ``images``, excluded items included.
    """

    def __init__(
        self,
        images: Tensor,
        weights: Tensor,
        bandwidth: float,
        groups: Tensor,
        indices: Sequence[Tensor],
        schedule: Schedule | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        if bandwidth <= 0:
            raise ValueError(f"bandwidth {bandwidth} must be positive (units of x)")
        if len(weights) != len(images) or (weights < 0).any() or weights.sum() <= 0:
            raise ValueError("weights must be one non-negative number an image, not all 0")
        self.schedule = schedule or Schedule.linear()
        self.signal_shape = tuple(images.shape[1:])
        self.dtype, self.bandwidth, self.count = dtype, float(bandwidth), len(images)
        kept = weights.nonzero()[:, 0]
        weights = (weights[kept].double() / weights[kept].double().sum()).to(dtype)
        _, groups = groups[kept].unique(return_inverse=True)
        totals = weights.new_zeros(int(groups.max()) + 1).index_add(0, groups, weights)
        self.log_group_weights = totals.log()
        within = weights / totals[groups]
        self.blocks = [self._block(images.flatten(1), kept, index, groups, within) for index in indices]
        self._order = torch.cat([block.index for block in self.blocks]).argsort()

    def _block(self, flat: Tensor, kept: Tensor, index: Tensor, groups: Tensor, within: Tensor) -> Block:
        seen: dict[bytes, int] = {}
        levels = ((flat[:, index] + 1) * 127.5).round().to(torch.int16).numpy()
        which = torch.tensor([seen.setdefault(levels[k].tobytes(), len(seen)) for k in kept.tolist()])
        del levels
        weights = within.new_zeros(int(groups.max()) + 1, len(seen))
        weights.index_put_((groups, which), within, accumulate=True)
        first = torch.full((len(seen),), len(flat)).scatter_reduce(0, which, kept, "amin")
        contents = flat[first][:, index].to(self.dtype)
        centre = contents.mean(0)
        contents -= centre
        squares = torch.linalg.vector_norm(contents, dim=1) ** 2
        return Block(index, centre, contents, squares, first, weights.log())

    def assemble(self, parts: Sequence[Tensor]) -> Tensor:
        """Assemble signals (B, *signal) from blocks, (B, n_r) each."""
        return torch.cat(list(parts), dim=1)[:, self._order].unflatten(1, self.signal_shape)

    def group_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """Return log W_g + Σ_r log Σ_c w_{c|g} exp(logits_r), (B, G)."""
        total = self.log_group_weights
        for block, values in zip(self.blocks, logits, strict=True):
            total = total + torch.logsumexp(values[:, None, :] + block.log_weights, dim=-1)
        return total

    def responsibilities(self, logits: Sequence[Tensor]) -> list[Tensor]:
        """Return the probability of each content per block, groups summed out, (B, N_r) each."""
        outside = self.group_logits(logits).softmax(dim=1)
        return [
            (outside[:, :, None] * (values[:, None, :] + block.log_weights).softmax(dim=-1)).sum(1)
            for block, values in zip(self.blocks, logits, strict=True)
        ]

    def logits(self, x: Tensor, a: float) -> list[Tensor]:
        """Return the contents' log densities at noise level a = ᾱ, (B, N_r) for each block."""
        variance = a * self.bandwidth**2 + 1 - a
        return [block.logits(x.flatten(1), a, variance) for block in self.blocks]

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return E[x0 | x_t], (B, *signal): two matrix products with the contents, no (B, N, d) differences."""
        a = level.alpha_bar
        gain = math.sqrt(a) * self.bandwidth**2 / (a * self.bandwidth**2 + 1 - a)
        weights = self.responsibilities(self.logits(x_t, a))
        blend = self.assemble([block.blend(w) for block, w in zip(self.blocks, weights, strict=True)])
        return Prediction(gain * x_t + (1 - gain * math.sqrt(a)) * blend)

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:
        from posterity.priors._block_posterior import BlockPosterior

        return BlockPosterior(self, operator.to(self.dtype, y.device), y.to(self.dtype), sigma_y)
