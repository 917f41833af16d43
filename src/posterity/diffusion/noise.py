"""Normal draws that depend on nothing but who asks: (seed, item, sample, purpose, step).

A row of a batch gets the same numbers alone, in a batch of 512, in another shard or on another
device, so comparisons between samplers are paired and a run can be cut and resumed anywhere.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

__all__ = ["Noise", "RowsOf", "generator"]

_OF_ITEM = "item"
"""In place of a sample's number: draws that all samples of an item share."""


def _digest(key: Sequence[object], size: int) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=size).digest()


def generator(*key: object) -> np.random.Generator:
    """Return a NumPy generator whose stream depends on ``key`` alone (SFC64: the fastest to seed and to draw from)."""
    return np.random.Generator(np.random.SFC64(int.from_bytes(_digest(key, 16), "little")))


@dataclass(frozen=True)
class Noise:
    """Noise for a batch of rows; row b is sample ``samples[b]`` of item ``items[b]``.

    A subclass replaces :meth:`draw` and :meth:`uniform`.

    Arguments:
        seed: at most 64 bits.
        items: name of each row's item.
        samples: number of each row's sample.
        dtype, device: of the draws.
        shape: of one normal draw, where the asker gives none.
    """

    seed: int
    items: Sequence[str]
    samples: Sequence[int | str]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def shaped(self, shape: Sequence[int]) -> Self:
        """Return the same noise, whose normal draws have ``shape`` unless the asker gives another."""
        return replace(self, shape=tuple(shape))

    def rows(self, index: Tensor) -> Noise:
        """Return the noise of the rows ``index`` (long, may repeat) alone: they draw what they draw here."""
        chosen = index.tolist()
        return replace(self, items=[self.items[i] for i in chosen], samples=[self.samples[i] for i in chosen])

    def like(self, items: Sequence[str], samples: Sequence[int | str]) -> Noise:
        """Return the same noise for other rows."""
        return replace(self, items=items, samples=samples)

    def stream(self, k: int) -> Self:
        """Return noise that is independent of this one and of every other stream; stream 0 is this one."""
        return replace(self, seed=self.seed + (k << 64))  # a seed has 64 bits at most, so no stream meets another

    def of_items(self) -> Self:
        """Return the noise of the rows' items: all samples of an item draw the same, however many they are."""
        return replace(self, samples=[_OF_ITEM] * len(self))

    @property
    def shared(self) -> bool:
        """True if these are draws of items."""
        return len(self) > 0 and self.samples[0] == _OF_ITEM

    def normal(self, purpose: str, step: int = 0, shape: Sequence[int] | None = None) -> Tensor:
        """Return standard normal draws with shape (B, *shape), of 24 bits each: none is farther out than 5.42.

        Arguments:
            purpose: what they are for; another purpose or step draws others.
            step: number of the step.
            shape: of one draw; ``self.shape`` by default.
        """
        return self.draw(purpose, step, self.shape if shape is None else tuple(shape))

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        """Return the normal draws (B, *shape)."""
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


@dataclass(frozen=True)
class RowsOf(Noise):
    """Rows of another noise, whose draws depend on the place of a row in the batch.

    Arguments:
        whole: the noise of all rows.
        index: long, the rows that these are.
    """

    whole: Noise | None = None
    index: Tensor | None = None

    @classmethod
    def of(cls, whole: Noise, index: Tensor) -> RowsOf:
        """Return the rows ``index`` of ``whole``."""
        items, samples = [whole.items[i] for i in index.tolist()], [whole.samples[i] for i in index.tolist()]
        return cls(whole.seed, items, samples, whole.dtype, whole.device, whole.shape, whole, index)

    def _parts(self) -> tuple[Noise, Tensor]:
        assert self.whole is not None and self.index is not None
        return self.whole, self.index

    def rows(self, index: Tensor) -> Noise:
        whole, mine = self._parts()
        return RowsOf.of(whole, mine[index])

    def like(self, items: Sequence[str], samples: Sequence[int | str]) -> Noise:
        whole, _ = self._parts()
        return whole.like(items, samples)

    def stream(self, k: int) -> Self:
        whole, _ = self._parts()
        return replace(self, seed=self.seed + (k << 64), whole=whole.stream(k))

    def of_items(self) -> Self:
        whole, _ = self._parts()
        return replace(self, samples=[_OF_ITEM] * len(self), whole=whole.of_items())

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        whole, index = self._parts()
        return whole.draw(purpose, step, shape)[index]

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        whole, index = self._parts()
        return whole.uniform(purpose, step)[index]
