"""p(x | y) of a Lévy process under a linear operator, by Gibbs sampling."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posterity.diffusion.noise import Noise, generator
from posterity.operators.base import Operator
from posterity.priors._levy.chains import BLOCK, Chains, Length
from posterity.priors._levy.dense import Dense
from posterity.priors._levy.diagonal import Diagonal
from posterity.priors._levy.estimate import Estimate, estimate
from posterity.priors._levy.increments import Array, BernoulliLaplace, Increments
from posterity.priors._rows import alike, probe
from posterity.priors.base import ExactPosterior, NoClosedForm

__all__ = ["LevyPosterior", "digest"]

_FORGET = 50 * BLOCK
"""Burn-in sweeps before the first draw."""
_CHAINS = 16
"""Chains per measurement, from which draws are taken in turn."""


def digest(row: Array) -> bytes:
    """Return the key of a row's (n,) stream: its values to three decimals, so that rounding errors don't change it."""
    return (np.round(row, 3) + 0.0).tobytes()


class _Group(NamedTuple):
    """Rows that share A; rows with equal y share a column of the model."""

    rows: Tensor
    column: Tensor
    model: Diagonal | Dense
    keys: list[bytes]


class LevyPosterior(ExactPosterior):
    """Draws and Rao-Blackwellised moments; a Lévy process has no modes.

    ``count`` is called with the number of sweeps made.
    """

    def __init__(
        self,
        increments: Increments,
        shape: tuple[int, ...],
        problem: tuple[Operator, Tensor, float],
        length: Length,
        seed: int,
        count: Callable[[int], None],
    ) -> None:
        operator, y, sigma_y = problem
        if "linear" not in operator.has:
            raise NoClosedForm(f"{type(operator).__name__} is not linear")
        self._increments, self._shape, self._length = increments, shape, length
        self._seed, self._count, self._size = seed, count, len(y)
        measured = operator.where_measured(y).flatten(1) > 0
        answers = operator(probe(shape).expand(len(y), *shape)).flatten(1)
        self._groups = []
        for rows in alike(torch.cat([answers, measured.to(answers)], dim=1)):
            seen = measured[rows[0]]
            values, column = y.flatten(1)[rows][:, seen].unique(dim=0, return_inverse=True)
            basis = torch.eye(torch.Size(shape).numel(), dtype=torch.float64)
            first = operator.rows(rows[:1])
            matrix = torch.cat([first(e.view(1, *shape)).flatten(1) for e in basis]).T[seen]
            model = _model(matrix.numpy(), values.numpy(), sigma_y, increments)
            self._groups.append(_Group(rows, column, model, [digest(row) for row in values.numpy()]))

    @cached_property
    def estimate(self) -> Estimate:
        """The estimate of every row, in the order of y; computed on first access."""
        parts = []
        for group in self._groups:
            streams = [generator("levy moments", self._seed, key) for key in group.keys]
            part, made = estimate(self._increments, group.model, streams, self._length)
            self._count(made)
            parts.append(part.rows(group.column.numpy()))
        order = torch.cat([group.rows for group in self._groups]).argsort().numpy()
        joined = (np.concatenate(each) for each in zip(*(vars(part).values() for part in parts), strict=True))
        return Estimate(*joined).rows(order)

    @property
    def mean(self) -> Tensor:
        return torch.from_numpy(self.estimate.mean).view(-1, *self._shape)

    @property
    def covariance(self) -> Tensor:
        """Return Cov(x | y), (B, n, n)."""
        return torch.from_numpy(self.estimate.covariance)

    def sample(self, noise: Noise) -> Tensor:
        """Return one draw per row, (B, *signal).

        The samples of an item with one measurement are states of 16 long chains on the item's stream, 20 to 40
        sweeps apart: sample s is the (s // 16)-th state of chain s % 16, so it depends on seed, item, measurement
        and sample index alone. Up to 16 samples are independent; beyond, ``estimate.autocorrelation`` measures
        their dependence.
        """
        out = torch.empty(self._size, torch.Size(self._shape).numel(), dtype=torch.float64)
        samples = np.asarray(noise.samples)
        for group in self._groups:
            rows = group.rows.tolist()
            owners = [(column, noise.items[row]) for column, row in zip(group.column.tolist(), rows, strict=True)]
            each = {owner: place for place, owner in enumerate(dict.fromkeys(owners))}
            streams = [generator("levy", noise.seed, item, group.keys[column]) for column, item in each]
            model = group.model.columns(np.array([column for column, _ in each]))
            chains = Chains(self._increments, model, streams, _CHAINS)
            chains.skip(_FORGET)
            place = np.array([each[owner] for owner in owners])
            turn, chain = np.divmod(samples[rows], chains.count)
            for now in range(int(turn.max()) + 1):
                chains.skip(self._increments.apart)
                mine = np.flatnonzero(turn == now)
                x = chains.x[:, place[mine], chain[mine]]
                out[group.rows[mine]] = torch.from_numpy(x.T.copy())
            self._count(chains.made)
        return out.view(-1, *self._shape).to(noise.device)

    @property
    def mode_probabilities(self) -> Tensor:
        raise NoClosedForm("a Lévy process has no modes")

    @property
    def log_evidence(self) -> Tensor:
        raise NoClosedForm("the evidence of a Lévy process has no closed form")

    def mode_of(self, x: Tensor) -> Tensor:
        raise NoClosedForm("a Lévy process has no modes")


def _model(matrix: Array, y: Array, sigma_y: float, increments: Increments) -> Diagonal | Dense:
    """Return the cheapest applicable model; y is (B, m)."""
    noiseless = f"a Lévy process has no posterior by Gibbs sampling for σ_y = {sigma_y!r}"
    if sigma_y == 0 and isinstance(increments, BernoulliLaplace):
        raise NoClosedForm(f"{noiseless} when its increments can be 0")
    entries = matrix != 0
    if (entries.sum(0) <= 1).all() and (entries.sum(1) == 1).all():
        scale = matrix.sum(0)
        seen = scale != 0
        wide = np.zeros((matrix.shape[1], len(y)))
        wide[seen] = (matrix.T[seen] / scale[seen, None] ** 2) @ y.T
        noise = np.full(len(scale), np.inf)
        noise[seen] = (sigma_y / scale[seen]) ** 2
        return Diagonal(wide, noise)
    if sigma_y == 0:
        raise NoClosedForm(f"{noiseless} unless every measurement is of one sample")
    return Dense(matrix, y.T.copy(), sigma_y)
