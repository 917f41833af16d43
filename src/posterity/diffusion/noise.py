"""Random draws that depend on (seed, item, sample, purpose, step) alone.

A row gets the same draws alone, in a batch of 512, in another shard or on another device. Comparisons
between samplers are therefore paired, and a run can be interrupted and resumed anywhere.
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
"""Takes the place of a sample's number for draws that all samples of an item share."""


def _digest(key: Sequence[object], size: int) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=size).digest()


def generator(*key: object) -> np.random.Generator:
    """Return a NumPy generator whose stream depends on ``key`` alone (SFC64: fastest to seed and to draw from)."""
    return np.random.Generator(np.random.SFC64(int.from_bytes(_digest(key, 16), "little")))


@dataclass(frozen=True)
class Noise:
    """Noise for a batch of B rows; row b is sample ``samples[b]`` of item ``items[b]``.

    Subclasses override :meth:`draw` and :meth:`uniform`.

    Arguments:
        seed: at most 64 bits.
        items: item name of each row, B of them.
        samples: sample number of each row, B of them.
        dtype, device: those of the draws.
        shape: default shape of one normal draw.
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
        """Return the same noise with ``shape`` as the default shape of one normal draw."""
        return replace(self, shape=tuple(shape))

    def rows(self, index: Tensor) -> Noise:
        """Return the noise of rows ``index`` (long (n,), may repeat); each row draws the same as here."""
        chosen = index.tolist()
        return replace(self, items=[self.items[i] for i in chosen], samples=[self.samples[i] for i in chosen])

    def like(self, items: Sequence[str], samples: Sequence[int | str]) -> Noise:
        """Return the same noise for other rows."""
        return replace(self, items=items, samples=samples)

    def stream(self, k: int) -> Self:
        """Return stream k, independent of all other streams; stream 0 is this noise."""
        return replace(self, seed=self.seed + (k << 64))  # seeds have at most 64 bits, so streams never coincide

    def of_items(self) -> Self:
        """Return the noise of the rows' items: all samples of an item share draws, whatever their number."""
        return replace(self, samples=[_OF_ITEM] * len(self))

    @property
    def shared(self) -> bool:
        """True if all samples of an item share draws."""
        return len(self) > 0 and self.samples[0] == _OF_ITEM

    def normal(self, purpose: str, step: int = 0, shape: Sequence[int] | None = None) -> Tensor:
        """Return standard normal draws, (B, *shape), of 24 bits each, hence at most 5.42 in absolute value.

        Arguments:
            purpose: name of the use; draws differ between purposes and steps.
            step: number of the step.
            shape: shape of one draw; ``self.shape`` by default.
        """
        return self.draw(purpose, step, self.shape if shape is None else tuple(shape))

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        """Return the normal draws, (B, *shape); what a subclass overrides."""
        count = math.prod(shape)
        words = np.empty((len(self), (count + 1) // 2), dtype=np.uint64)
        stream = np.random.SFC64(0)
        for row, item, sample in zip(words, self.items, self.samples, strict=True):
            # a digest is as good a state as seeding would give, at a tenth of the time
            digest = np.frombuffer(_digest((self.seed, item, sample, purpose, step), 32), dtype=np.uint64)
            stream.state = {"bit_generator": "SFC64", "state": {"state": digest}, "has_uint32": 0, "uinteger": 0}
            row[:] = stream.random_raw(len(row))
        signed = torch.from_numpy(words.view(np.int32))[:, :count] >> 8
        # k + ½ in units of 2^-23, -1 and 1 not among them; through the inverse distribution, for all rows at once:
        # half the time of drawing row by row by rejection
        uniform = signed.to(torch.float32).add_(0.5).mul_(2.0**-23)
        rows = uniform.erfinv_().mul_(math.sqrt(2)).view(len(self), *shape)
        if torch.device(self.device).type == "cuda":
            # From pinned memory the copy to a GPU is asynchronous, so the host needn't wait.
            return rows.pin_memory().to(self.device, non_blocking=True).to(self.dtype)
        return rows.to(self.device, self.dtype)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        """Return uniform draws in [0, 1), (B,)."""
        draws = [
            generator(self.seed, item, sample, purpose, step).random()
            for item, sample in zip(self.items, self.samples, strict=True)
        ]
        return torch.tensor(draws, device=self.device, dtype=self.dtype)


@dataclass(frozen=True)
class RowsOf(Noise):
    """Rows of a noise whose draws depend on a row's position in the batch.

    Arguments:
        whole: the noise of all rows.
        index: long (n,), these rows' positions in ``whole``.
    """

    whole: Noise | None = None
    index: Tensor | None = None

    @classmethod
    def of(cls, whole: Noise, index: Tensor) -> RowsOf:
        """Return rows ``index`` (long (n,)) of ``whole``."""
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
