"""Parallel Gibbs chains, with one random stream per row, and their length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posterity.errors import PosterityError
from posterity.priors._levy.dense import Dense
from posterity.priors._levy.diagonal import Diagonal
from posterity.priors._levy.increments import Array, Increments

__all__ = ["BLOCK", "GROUPS", "Chains", "Length", "Sweep", "batches", "with_error"]

BLOCK = 4
"""Sweeps per block: random numbers are drawn, and averages kept, per block."""
GROUPS = 5
"""Batches per chain for standard errors by batch means."""
STEP = BLOCK * GROUPS


@dataclass(frozen=True)
class Length:
    """The number of chains per row, and of sweeps per chain.

    Arguments:
        tolerance: sufficient standard error, in units defined by the caller.
        least, most: bounds on the sweeps of a chain without burn-in; multiples of 20.
        burn_in: sweeps that are discarded, a multiple of 4. A chain starts from latent variables drawn from
            their prior, which one sweep forgets at low noise and which are correct at high noise.
        chains: chains per row, ≥ 4.
    """

    tolerance: float = 0.02
    least: int = STEP
    most: int = 2000
    burn_in: int = 3 * BLOCK
    chains: int = 4

    def __post_init__(self) -> None:
        rules = {
            "tolerance": (self.tolerance > 0, "a positive number"),
            "least": (self.least >= STEP and self.least % STEP == 0, f"a positive multiple of {STEP}"),
            "most": (self.most >= self.least and self.most % STEP == 0, f"a multiple of {STEP} from least on"),
            "burn_in": (self.burn_in >= 0 and self.burn_in % BLOCK == 0, f"a multiple of {BLOCK}"),
            "chains": (self.chains >= 4, "4 or more"),
        }
        for name, (fine, valid) in rules.items():
            if not fine:
                raise PosterityError(f"Gibbs chains: {name} = {getattr(self, name)!r} is not {valid}")

    def checks(self) -> Iterator[int]:
        """Yield the sweeps after which a row may stop: the same for every row, in any batch."""
        done = self.least
        while done < self.most:
            yield done
            done += max(STEP, done // (2 * STEP) * STEP)
        yield self.most


class Sweep(NamedTuple):
    """The state after a sweep, (n, N) each."""

    mean: Array
    """E[x | q, y], averaged instead of x (Rao-Blackwell)."""
    q: Array
    u: Array
    present: Array | None
    """P(u ≠ 0 | all but u) if increments can be 0."""


class Chains:
    """The chains of B rows; column row·chains + c is chain c of ``row``.

    Arguments:
        increments: law of the increments.
        model: linear model of the rows, with B columns.
        streams: one generator per row.
        chains: chains per row.
    """

    def __init__(
        self, increments: Increments, model: Diagonal | Dense, streams: Sequence[np.random.Generator], chains: int
    ) -> None:
        self.increments, self.count, self.streams = increments, chains, list(streams)
        self.made = 0
        self._rows = model
        self._size = model.matrix.shape[1] if isinstance(model, Dense) else len(model.y)
        self._model = model.columns(np.repeat(np.arange(len(self.streams)), chains))
        size = (self._size, chains)
        drawn = [(increments.start(rng, size), rng.standard_normal(size)) for rng in self.streams]
        q, z = (np.stack(each, axis=1).reshape(self._size, -1) for each in zip(*drawn, strict=True))
        self._u = self._model.condition(q, z)[1]

    def __len__(self) -> int:
        return len(self.streams)

    @property
    def model(self) -> Diagonal | Dense:
        """The model with one column per chain."""
        return self._model

    @property
    def x(self) -> Array:
        """The current states, (n, B, chains)."""
        return self.split(self._u.cumsum(0))

    def block(self) -> Iterator[Sweep]:
        """Yield the next ``BLOCK`` sweeps."""
        size = (BLOCK, self._size, self.count)
        drawn = [(self.increments.randomness(rng, size), rng.standard_normal(size)) for rng in self.streams]
        shape = (BLOCK, self._size, len(self) * self.count)
        raw = np.stack([each[0] for each in drawn], axis=3).reshape(-1, *shape)
        z = np.stack([each[1] for each in drawn], axis=2).reshape(shape)
        self.made += BLOCK * len(self) * self.count
        for s in range(BLOCK):
            q, present = self.increments.variances(self._u, raw[:, s], self._model)
            mean, self._u = self._model.condition(q, z[s])
            yield Sweep(mean, q, self._u, present)

    def blocks(self, sweeps: int) -> Iterator[list[Sweep]]:
        """Yield ``sweeps`` more sweeps, a block at a time."""
        for _ in range(sweeps // BLOCK):
            yield list(self.block())

    def skip(self, sweeps: int) -> None:
        """Discard ``sweeps`` sweeps (burn-in)."""
        for _ in self.blocks(sweeps):
            pass

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Continue with these rows only, bool (B,)."""
        chosen = np.flatnonzero(rows)
        self._u = self.split(self._u)[:, chosen].reshape(self._size, -1)
        self._rows = self._rows.columns(chosen)
        self._model = self._rows.columns(np.repeat(np.arange(len(chosen)), self.count))
        self.streams = [self.streams[row] for row in chosen]

    def split(self, columns: Array) -> Array:
        """Reshape columns, (…, N) → (…, B, chains)."""
        return columns.reshape(*columns.shape[:-1], len(self), self.count)


def batches(blocks: Array) -> Array:
    """Return 5 batch means per chain, (…, B, 5 · chains), from block averages (blocks, …, B, chains)."""
    count, chains = len(blocks), blocks.shape[-1]
    stretches = blocks.reshape(GROUPS, count // GROUPS, *blocks.shape[1:]).mean(1)
    return np.moveaxis(stretches, 0, -1).reshape(*blocks.shape[1:-1], GROUPS * chains)


def with_error(batches: Array) -> tuple[Array, Array]:
    """Return the mean over the last axis and its standard error, (…, m) → two (…)."""
    return batches.mean(-1), batches.std(-1, ddof=1) / np.sqrt(batches.shape[-1])
