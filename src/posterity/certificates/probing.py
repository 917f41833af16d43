r"""Exact moments of an affine sampler, from its response to chosen noise.

With a Gaussian prior the denoiser is affine, and so is a sampler that only adds and multiplies: its
result is :math:`\mu + \sum_j z_j T_j` over all scalars z_j that it ever draws. A row whose noise is all
zeros gives μ, a row with a single 1 gives μ + T_j, and the covariance is :math:`\sum_j T_j T_j^T`,
without any sampling error. Whether the sampler is affine is checked, not assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise, RowsOf, generator

__all__ = ["Impulses", "Moments", "NotAffine", "Streams", "affine_moments", "exact_moments", "rows"]

Outcome = Callable[[Noise], Tensor]
"""A sampler's results (n, d) as a function of the noise of n otherwise identical rows."""
MOST = 20_000
"""Number of rows beyond which probing costs more than sampling."""
_RELATIVE = 1e-8


class NotAffine(Exception):
    """Raised if a sampler cannot be probed; the message says why."""


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d), and the number of rows they were computed from."""

    mean: Tensor
    covariance: Tensor
    rows: int = 0


@dataclass(frozen=True)
class Streams(Noise):
    """Noise with one stream per draw for all rows: fast for thousands of rows, but dependent on their order.

    The first n rows of a longer batch get the same draws as in a batch of n. ``scale`` multiplies every
    normal draw; ``other`` is an additional key of the uniform draws.
    """

    scale: float = 1.0
    other: int = 0

    def rows(self, index: Tensor) -> RowsOf:
        return RowsOf.of(self, index)

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        if self.shared:
            number = {item: k for k, item in enumerate(dict.fromkeys(self.items))}
            key, rows = ("item", self.seed, purpose, step), [number[item] for item in self.items]
            draws = generator("streams", *key).standard_normal((len(number), *shape))[rows]
        else:
            draws = generator("streams", self.seed, purpose, step).standard_normal((len(self), *shape))
        return self.scale * torch.from_numpy(draws).to(device=self.device, dtype=self.dtype)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        draws = generator("streams", self.seed, purpose, step, self.other).random(len(self))
        return torch.from_numpy(draws).to(device=self.device, dtype=self.dtype)


@dataclass(frozen=True)
class Impulses(Noise):
    """Noise with zeros in row 0 and a single 1 in row i, at the i-th scalar ever drawn; uniform draws are all 1/2."""

    offsets: dict[tuple[object, ...], int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=lambda: [1])

    def rows(self, index: Tensor) -> RowsOf:
        return RowsOf.of(self, index)

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        size, key = math.prod(shape), (self.seed, self.shared, purpose, step)
        if key not in self.offsets:
            self.offsets[key] = self.counts[0]
            self.counts[0] += size
        first = self.offsets[key]
        out = torch.zeros(len(self), size, dtype=self.dtype)
        if first < len(self):  # else this run only counts the scalars
            out[first : first + size] = torch.eye(size, dtype=self.dtype)
        return out.view(len(self), *shape)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:  # noqa: ARG002
        return torch.full((len(self),), 0.5, dtype=self.dtype)


def rows(kind: type[Noise], count: int, seed: int = 0) -> Noise:
    """Return noise of ``kind`` for the samples 0, 1, … of one unnamed item."""
    return kind(seed, [""] * count, range(count))


def exact_moments(outcome: Outcome, most: int = 1_000_000) -> Moments:
    """Return exact moments of ``outcome``, which must be affine in independent normal draws and ignore uniform ones.

    Raises:
        NotAffine: if there are ``most`` scalars of noise or more.
    """
    counting = Impulses(0, [""], range(1))
    outcome(counting)
    total = counting.counts[0]
    if total > most:
        raise NotAffine(f"it draws {total - 1} numbers a sample, more than {most} to probe")
    response = outcome(rows(Impulses, total))
    gain = response[1:] - response[0]
    return Moments(response[0], gain.T @ gain, total)


def affine_moments(outcome: Outcome, most: int = MOST) -> Moments:
    """Return the same for a sampler that may not be affine: check f(2z) - μ = 2(f(z) - μ) on five draws.

    Rows must not depend on one another either, or probing would attribute the response of one row to another.

    Raises:
        NotAffine: if it is not affine to a relative 1e-8, or if probing would cost too much.
    """
    names, numbers = [""] * 5, range(5)
    once, twice, centre, otherwise = (
        outcome(Streams(1, names, numbers, scale=scale, other=other))
        for scale, other in ((1.0, 0), (2.0, 0), (0.0, 0), (1.0, 1))
    )
    if not torch.equal(once, otherwise):
        raise NotAffine("it depends on uniform draws")
    if not torch.allclose(outcome(Streams(1, names[:1], numbers[:1])), once[:1], rtol=_RELATIVE, atol=_RELATIVE):
        raise NotAffine("its rows depend on one another")
    gap = (twice - centre - 2 * (once - centre)).norm()
    if not bool(gap <= _RELATIVE * (once - centre).norm()):
        raise NotAffine("it is not affine in its noise")
    return exact_moments(outcome, most)
