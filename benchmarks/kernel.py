"""Times the kernel prior relative to the two matrix products in its formula; 1 is no overhead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.timing import medians
from posterity.priors.kernel import Kernel

__all__ = ["kernel"]


def products(x: Tensor, images: Tensor) -> Tensor:
    """Compute the minimum of an evaluation: distances to all images, and their weighted mean, (B, d)."""
    return (x @ images.T).softmax(1) @ images


def kernel(shape: tuple[int, ...], images: int, batches: list[int], turns: int) -> Iterator[dict[str, object]]:
    """Yield the throughput for each batch size, in float64."""
    generator = torch.Generator().manual_seed(0)
    data = torch.rand(images, *shape, generator=generator, dtype=torch.float64) * 2 - 1
    prior, flat = Kernel(data, torch.ones(images), 0.1), data.flatten(1)
    for rows in batches:
        x = torch.randn(rows, *shape, generator=generator, dtype=torch.float64)
        level = prior.schedule.level(500)
        ours, plain = medians(
            turns,
            partial(prior.predict, x, level),
            partial(products, x.view(-1, math.prod(shape)), flat),
        )
        yield {
            "rows": rows,
            "prior ms": 1e3 * ours,
            "two products ms": 1e3 * plain,
            "ratio": ours / plain,
            "images/s": rows / ours,
        }
