"""Small tools for batches whose rows have operators of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.noise import generator

__all__ = ["alike", "inverse_cdf", "probe"]


def probe(shape: tuple[int, ...]) -> Tensor:
    """Return one fixed signal without any symmetry, float64 (1, *shape): what A does to it tells A's apart."""
    return torch.from_numpy(generator("probe", *shape).standard_normal((1, *shape)))


def alike(responses: Tensor) -> list[Tensor]:
    """Return rows of (B, …) that are equal to nine decimals, as long index tensors."""
    if (responses == responses[:1]).all():
        return [torch.arange(len(responses))]
    _, inverse = responses.flatten(1).mul(1e9).round().unique(dim=0, return_inverse=True)
    return [(inverse == g).nonzero()[:, 0] for g in range(int(inverse.max()) + 1)]


def inverse_cdf(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Index of each row (B, N) where the running sum first exceeds ``uniform`` (B,)."""
    cdf = probabilities.cumsum(1)
    index = torch.searchsorted(cdf, (uniform.to(cdf) * cdf[:, -1])[:, None], right=True)[:, 0]
    return index.clamp(max=probabilities.shape[1] - 1)
