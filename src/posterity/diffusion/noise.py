"""Normal draws that depend on nothing but who asks: (seed, item, sample, purpose, step).

A row of a batch gets the same numbers alone, in a batch of 512, in another shard or on another
device, so comparisons between samplers are paired and a run can be cut and resumed anywhere.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Noise", "generator"]


def _digest(key: Sequence[object], size: int) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=size).digest()


def generator(*key: object) -> np.random.Generator:
    """A NumPy generator whose stream is a function of ``key`` alone (SFC64: the fastest to seed and to draw from)."""
    return np.random.Generator(np.random.SFC64(int.from_bytes(_digest(key, 16), "little")))


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
        """Standard normal draws with shape (B, *shape), of 24 bits each: none is farther out than 5.42."""
        count = math.prod(shape)
        words = np.empty((len(self), (count + 1) // 2), dtype=np.uint64)
        stream = np.random.SFC64(0)
        for row, item, sample in zip(words, self.items, self.samples, strict=True):
            # a digest is as random as seeding would make it, at a tenth of the time
            digest = np.frombuffer(_digest((self.seed, item, sample, purpose, step), 32), dtype=np.uint64)
            stream.state = {"bit_generator": "SFC64", "state": {"state": digest}, "has_uint32": 0, "uinteger": 0}
            row[:] = stream.random_raw(len(row))
        signed = torch.from_numpy(words.view(np.int32))[:, :count] >> 8
        # k + ½ in units of 2^-23, -1 and 1 not among them; through the inverse distribution, for all rows at once:
        # half the time of drawing row by row by rejection
        uniform = signed.to(torch.float32).add_(0.5).mul_(2.0**-23)
        rows = uniform.erfinv_().mul_(math.sqrt(2)).view(len(self), *shape)
        if torch.device(self.device).type == "cuda":
            # From pinned memory a GPU takes the draws when it gets to them, and the host need not wait.
            return rows.pin_memory().to(self.device, non_blocking=True).to(self.dtype)
        return rows.to(self.device, self.dtype)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        """Uniform draws in [0, 1) with shape (B,)."""
        draws = [
            generator(self.seed, item, sample, purpose, step).random()
            for item, sample in zip(self.items, self.samples, strict=True)
        ]
        return torch.tensor(draws, device=self.device, dtype=self.dtype)
