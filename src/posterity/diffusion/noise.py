"""Normal draws that depend on nothing but who asks: (seed, item, sample, purpose, step).

A row of a batch gets the same numbers alone, in a batch of 512, in another shard or on another
device, so comparisons between samplers are paired and a run can be cut and resumed anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Noise", "generator"]


def generator(*key: object) -> np.random.Generator:
    """A NumPy generator whose stream is a function of ``key`` alone (SFC64: the fastest to seed and to draw from)."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))


@dataclass(frozen=True)
class Noise:
    """Noise for a batch of rows; row b is sample ``samples[b]`` of item ``items[b]``."""

    seed: int
    items: Sequence[str]
    samples: Sequence[int]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.items)

    def normal(self, purpose: str, step: int, shape: Sequence[int]) -> Tensor:
        """Standard normal draws with shape (B, *shape)."""
        # From pinned memory a GPU takes the draws when it gets to them, and the host need not wait.
        pinned = torch.device(self.device).type == "cuda"
        rows = torch.empty(len(self), *shape, pin_memory=pinned)
        for row, item, sample in zip(rows.numpy(), self.items, self.samples, strict=True):
            rng = generator(self.seed, item, sample, purpose, step)
            rng.standard_normal(out=row, dtype=np.float32)
        return rows.to(self.device, non_blocking=pinned).to(self.dtype)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        """Uniform draws in [0, 1) with shape (B,)."""
        draws = [
            generator(self.seed, item, sample, purpose, step).random()
            for item, sample in zip(self.items, self.samples, strict=True)
        ]
        return torch.tensor(draws, device=self.device, dtype=self.dtype)
