r"""Exact moments of an affine sampler, from the noise that it asks for.

With a Gaussian prior the denoiser is affine, and so is a sampler that only adds and multiplies: its
result is :math:`\mu + \sum_j z_j T_j` over all scalars z_j that it ever draws. A row whose noise is all
zeros gives μ, a row with a single 1 gives μ + T_j, and the covariance is :math:`\sum_j T_j T_j^T`,
without any sampling error. Whether the sampler is affine is checked, not assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise, generator

__all__ = ["Impulses", "Moments", "NotAffine", "Streams", "affine_moments", "exact_moments", "rows"]

Outcome = Callable[[Noise], Tensor]
"""What a sampler makes of the noise of n rows that are alike in everything else: (n, d)."""
MOST = 20_000
"""Rows, beyond which probing costs more than sampling."""
_RELATIVE = 1e-8


class NotAffine(Exception):
    """This sampler cannot be probed; the message says why."""


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d)."""

    mean: Tensor
    covariance: Tensor


@dataclass(frozen=True)
class Streams(Noise):
    """The contract of ``Noise`` with one stream a draw for all rows: fast for thousands, but bound to their order.

    ``scale`` multiplies every normal draw.
    """

    scale: float = 1.0

    def normal(self, purpose: str, step: int, shape: Sequence[int]) -> Tensor:
        draws = generator("streams", self.seed, purpose, step).standard_normal((len(self), *shape))
        return self.scale * torch.from_numpy(draws).to(device=self.device, dtype=self.dtype)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        draws = generator("streams", self.seed, purpose, step).random(len(self))
        return torch.from_numpy(draws).to(device=self.device, dtype=self.dtype)


@dataclass(frozen=True)
class Impulses(Noise):
    """Row 0 draws zeros, row i a single 1 at the i-th scalar that is ever asked for."""

    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=lambda: [1])

    def normal(self, purpose: str, step: int, shape: Sequence[int]) -> Tensor:
        size = math.prod(shape)
        if (purpose, step) not in self.offsets:
            self.offsets[purpose, step] = self.counts[0]
            self.counts[0] += size
        first = self.offsets[purpose, step]
        out = torch.zeros(len(self), size, dtype=self.dtype)
        if first < len(self):  # else this is the run that only counts
            out[first : first + size] = torch.eye(size, dtype=self.dtype)
        return out.view(len(self), *shape)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        raise NotAffine(f"it draws uniform numbers ({purpose}, {step})")


def rows(kind: type[Noise], count: int, seed: int = 0) -> Noise:
    """Noise of ``kind`` for the samples 0, 1, … of one item without a name."""
    return kind(seed, [""] * count, range(count))


def exact_moments(outcome: Outcome, most: int = 1_000_000) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of ``outcome``, which must be affine in independent draws.

    Raises:
        NotAffine: when there are ``most`` scalars of noise or more.
    """
    counting = Impulses(0, [""], range(1))
    outcome(counting)
    total = counting.counts[0]
    if total > most:
        raise NotAffine(f"it draws {total - 1} numbers a sample, more than {most} to probe")
    response = outcome(rows(Impulses, total))
    gain = response[1:] - response[0]
    return response[0], gain.T @ gain


def affine_moments(outcome: Outcome, most: int = MOST) -> Moments:
    """The same for a sampler that may not be affine: f(2z) - μ = 2(f(z) - μ) is checked on five draws.

    Raises:
        NotAffine: when it is not, to a relative 1e-8, or when probing would cost too much.
    """
    names, numbers = [""] * 5, range(5)
    once = outcome(Streams(1, names, numbers))
    twice = outcome(Streams(1, names, numbers, scale=2.0))
    centre = outcome(Streams(1, names, numbers, scale=0.0))
    gap = (twice - centre - 2 * (once - centre)).norm()
    if not bool(gap <= _RELATIVE * (once - centre).norm()):
        raise NotAffine("it is not affine in its noise")
    return Moments(*exact_moments(outcome, most))
