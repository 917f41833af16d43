"""Tools for batches whose rows have different operators."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.noise import generator

__all__ = ["alike", "inverse_cdf", "probe"]


def probe(shape: tuple[int, ...]) -> Tensor:
    """Return a fixed signal without symmetries, float64 (1, *shape), whose image under A identifies A."""
    return torch.from_numpy(generator("probe", *shape).standard_normal((1, *shape)))


def alike(responses: Tensor) -> list[Tensor]:
    """Return groups of rows of (B, …) that are equal to nine decimals, each as long indices (n,)."""
    if (responses == responses[:1]).all():
        return [torch.arange(len(responses))]
    _, inverse = responses.flatten(1).mul(1e9).round().unique(dim=0, return_inverse=True)
    return [(inverse == g).nonzero()[:, 0] for g in range(int(inverse.max()) + 1)]


def inverse_cdf(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Return for each row of (B, N) the first index where the running sum exceeds ``uniform`` (B,), long (B,)."""
    cdf = probabilities.cumsum(1)
    index = torch.searchsorted(cdf, (uniform.to(cdf) * cdf[:, -1])[:, None], right=True)[:, 0]
    return index.clamp(max=probabilities.shape[1] - 1)
