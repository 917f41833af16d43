"""The evidence for statistics: a sampler's draws, exact draws, and the sampler itself for further draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from posterity.certificates.axes import spectrum
from posterity.certificates.cases import Case, Instance
from posterity.certificates.conditional import Conditional
from posterity.certificates.gibbs import Chains
from posterity.certificates.probing import Streams
from posterity.certificates.tiers import Tier
from posterity.diffusion.noise import Noise, generator
from posterity.errors import PosterityError
from posterity.samplers.base import Cost, Problem, Sampler
from posterity.samplers.severity import Severity
from posterity.wrappers.base import Wrapped
from posterity.wrappers.flash import Flash

__all__ = ["Evidence", "Pools", "draw", "posed", "restore"]

T = TypeVar("T")

_MANY = 2000
_DENSE = 256
"""Largest dimension for which covariance matrices are computed."""
_CLOSED = 1e-9
"""Share of the largest variance below which the measurement determines a direction."""
_BATCH = 50_000
"""Largest number of rows in a batch."""
_FAR = 1e3
"""Distance in standard deviations of the prior beyond which a draw has diverged."""


def restore(
    sampler: Sampler,
    instance: Instance,
    rows: Tensor,
    noise: Noise,
    items: Tensor | None = None,
) -> tuple[Tensor, Cost]:
    """Return samples (n, d) for the measurements ``rows`` (long (n,), may repeat), and their cost.

    For a latent prior the samples are states. Rows of one measurement are samples of one item, unless ``items``
    (long (n,)) says otherwise.
    """
    items = rows if items is None else items
    samples = sampler.sample(posed(sampler, instance, rows, items), noise)
    x = samples.x if samples.state is None else samples.state
    wanted = (len(rows), *instance.prior.state_shape)
    if tuple(x.shape) != wanted:
        raise PosterityError(f"the sampler returned a tensor of shape {tuple(x.shape)}, not {wanted}")
    return x.detach().double().flatten(1), samples.cost


def posed(sampler: Sampler, instance: Instance, rows: Tensor, items: Tensor) -> Problem:
    """Return the measurements ``rows`` (long (n,), may repeat) of items ``items`` (long (n,)) as a problem."""
    parts = instance.prior, instance.operator, instance.y[rows], instance.sigma_y, items
    return Problem(*parts, severities=_severities(sampler, instance, rows))


def _severities(sampler: Sampler, instance: Instance, rows: Tensor) -> dict[str, Severity]:
    """Return the severity "exact" for late starts: the exact mean and the mean variance of a state's entries."""
    if not (isinstance(sampler, Wrapped) and any(isinstance(w, Flash) for w in sampler.wrappers)):
        return {}
    exact = instance.exact
    mean = exact.mean[rows].unflatten(1, tuple(instance.prior.state_shape)).to(instance.prior.dtype)
    return {"exact": Severity(mean, (exact.total_variance[rows] / instance.dim).to(mean))}


@dataclass(frozen=True)
class Pools:
    """S draws for each of the R measurements of an instance.

    Arguments:
        instance: the problem.
        x: (R, S, d); a draw that diverged is replaced by one of the prior.
        diverged: (R, S), True for draws that diverged.
        key: key of the exact draws that are compared with these.
    """

    instance: Instance
    x: Tensor
    diverged: Tensor
    key: tuple[object, ...]

    @classmethod
    def of(cls, instance: Instance, x: Tensor, key: tuple[object, ...]) -> Pools:
        """Build the pools from x (R, S, d) as a sampler returned it."""
        centred = (x - instance.prior_draws.mean(0)).square().mean(2).sqrt()
        diverged = ~(centred <= _FAR * instance.prior_std)  # also true of NaN
        if bool(diverged.any()):
            instead = instance.prior_draws[torch.arange(int(diverged.sum())) % len(instance.prior_draws)]
            x = x.clone()
            x[diverged] = instead
        return cls(instance, x, diverged, key)

    @property
    def draws(self) -> int:
        """Return S."""
        return self.x.shape[1]

    @property
    def directions(self) -> Tensor:
        """Return the directions that statistics project on, narrowest first, (d, n).

        They are the eigenvectors of the mean exact covariance that the measurement leaves open; in many
        dimensions, 64 random orthonormal directions.
        """
        return self.remember("directions", self._directions)

    def _directions(self) -> Tensor:
        d = self.instance.dim
        if d > _DENSE:
            drawn = torch.from_numpy(generator("directions", d).standard_normal((d, 64)))
            return torch.linalg.qr(drawn)[0]
        values, vectors = spectrum(self.covariances.mean(0))
        return vectors[:, values > _CLOSED * values.max()]

    @property
    def variances(self) -> Tensor:
        """Return Var(x·v | y_r) along ``directions``, (R, n), in closed form or from many exact draws."""
        return self.remember("variances", self._variances)

    def _variances(self) -> Tensor:
        exact = self.instance.exact
        if isinstance(exact, Conditional):
            return exact.variances(self.directions)
        if isinstance(exact, Chains):
            return torch.einsum("rde,dn,en->rn", exact.covariances, self.directions, self.directions)
        return (exact.draw(_MANY, "variances", *self.key) @ self.directions).var(1)

    @property
    def covariances(self) -> Tensor:
        """Return Cov(x | y_r), (R, d, d), for signals of few dimensions."""
        return self.remember("covariances", self._covariances)

    def _covariances(self) -> Tensor:
        exact = self.instance.exact
        if isinstance(exact, Conditional | Chains):
            return exact.covariances
        off = exact.draw(_MANY, "covariances", *self.key)
        off = off - off.mean(1, keepdim=True)
        return off.mT @ off / (_MANY - 1)

    def exact(self, name: str, count: int | None = None) -> Tensor:
        """Return exact draws for the same measurements, (R, count or S, d); another ``name`` gives independent ones."""
        return self.instance.exact.draw(count or self.draws, name, *self.key)

    def remember(self, name: str, compute: Callable[[], T]) -> T:
        """Return ``compute()``, a function of exact draws alone: computed once and cached for all samplers."""
        key = (name, self.draws, *self.key)
        if key not in self.instance.memory:
            self.instance.memory[key] = compute()
        found: T = self.instance.memory[key]
        return found


@dataclass(frozen=True)
class Evidence:
    """Everything that a statistic may use.

    Arguments:
        sampler: the sampler, for further draws.
        case: the problems.
        tier: the sizes.
        seed: seed of all draws.
        wide: a few draws of many measurements, or None.
        deep: many draws of one measurement, one entry per instance.
    """

    sampler: Sampler
    case: Case
    tier: Tier
    seed: int
    wide: Pools | None
    deep: tuple[Pools, ...]

    @property
    def pools(self) -> tuple[Pools, ...]:
        """Return all pools, the wide one first."""
        return (*([] if self.wide is None else [self.wide]), *self.deep)

    @property
    def broad(self) -> tuple[Pools, ...]:
        """Return the pools of many measurements: the wide one if there is one, else the deep ones."""
        return self.deep if self.wide is None else (self.wide,)

    @cached_property
    def diverged(self) -> float:
        """Return the share of draws that are not finite or more than 1000 standard deviations of the prior away."""
        return float(torch.cat([p.diverged.flatten() for p in self.pools]).double().mean())


def draw(sampler: Sampler, instance: Instance, count: int, seed: int, key: tuple[object, ...]) -> tuple[Pools, Cost]:
    """Draw ``count`` samples for every measurement of ``instance``, in one batch unless there are very many."""
    parts, total = [], Cost()
    for number, rows in enumerate(torch.arange(len(instance)).split(max(1, _BATCH // count))):
        each = rows.repeat_interleave(count)
        # a seed has at most 64 bits, so the seeds of two batches never coincide
        noise = Streams(seed + (number << 64), [str(r) for r in each.tolist()], list(range(count)) * len(rows))
        x, cost = restore(sampler, instance, each, noise)
        parts.append(x.unflatten(0, (len(rows), count)))
        total.add(cost)
    return Pools.of(instance, torch.cat(parts), key), total
