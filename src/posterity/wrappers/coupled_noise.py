r"""Coupled noise: the samples of a set draw noise of correlation -1/(N-1), each still standard normal.

For the N samples of a set and independent standard normal :math:`\xi_i` of mean :math:`\bar\xi`,

.. math:: z_i = \sqrt{1 + \tfrac{\rho}{N-1}}\,(\xi_i - \bar\xi) + \sqrt{1-\rho}\,\bar\xi,
          \qquad \operatorname{Cov}(z_i, z_j) = -\tfrac{\rho}{N-1} I.

ρ = 1 is the strongest constant negative correlation, since the variance of :math:`\sum_i z_i` can't be
negative. There the z_i sum to 0, and with N = 2 one sample draws the negative of the other's noise.

Every z_i is N(0, I), also conditionally on all earlier steps. The trajectory of a single sample therefore has
exactly the law it has with independent noise, for any prior, operator and number of steps, as long as the
sampler treats rows independently. The samples of a set are no longer independent: they spread.

With a Gaussian prior and an affine sampler, the covariance between two samples is -ρ/(N-1) times that of one. At
ρ = 1 the mean of a set is the sampler's mean without sampling error, and the variance about it is N/(N-1) times
that of independent samples.

Uniform draws, with which closed-form posteriors choose a component, stay independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Self

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.noise import Noise, RowsOf
from posterity.samplers.base import Problem, Sampler, settings
from posterity.wrappers.base import Wrapper

__all__ = ["Coupled", "CoupledNoise"]


@settings
class CoupledNoise(Wrapper):
    """Negatively correlated noise within each set; every single sample keeps its law, at no cost.

    A set is ``group`` consecutive samples of one item: 0 to 4, 5 to 9 and so on. A sample's noise depends on its set
    and not on the batch: the noise of set members outside the batch is drawn as well.
    """

    group: Annotated[int, Field(ge=2, description="samples of a set, N")] = 5
    strength: Annotated[float, Field(ge=0, le=1, description="share ρ of the correlation -1/(N-1)")] = 1.0

    couples = True

    def around(self, sampler: Sampler, problem: Problem, noise: Noise) -> Tensor:
        return sampler.run(problem, Coupled.of(noise, self.group, self.strength))


@dataclass(frozen=True)
class Coupled(Noise):
    """Noise coupled within sets; item draws and uniform draws are those of ``whole``.

    Arguments:
        whole: the independent noise of the same rows.
        group: N.
        strength: ρ.
    """

    whole: Noise | None = None
    group: int = 2
    strength: float = 1.0

    @classmethod
    def of(cls, whole: Noise, group: int, strength: float = 1.0) -> Coupled:
        """Couple ``whole``."""
        parts = whole.seed, whole.items, whole.samples, whole.dtype, whole.device, whole.shape
        return cls(*parts, whole, group, strength)

    @property
    def _whole(self) -> Noise:
        assert self.whole is not None
        return self.whole

    @cached_property
    def _sets(self) -> tuple[Noise, Tensor | None]:
        """Return (independent noise of all members of the rows' sets, index of each row in it or None if identical)."""
        keys = [(item, int(sample) // self.group) for item, sample in zip(self.items, self.samples, strict=True)]
        number = {key: k for k, key in enumerate(dict.fromkeys(keys))}
        places = [
            number[key] * self.group + int(sample) % self.group for key, sample in zip(keys, self.samples, strict=True)
        ]
        items = [item for item, _ in number for _ in range(self.group)]
        samples = [first * self.group + member for _, first in number for member in range(self.group)]
        if places == list(range(len(samples))):
            return self._whole, None
        return self._whole.like(items, samples), torch.tensor(places, device=self.device)

    def rows(self, index: Tensor) -> Noise:
        return RowsOf.of(self, index)

    def stream(self, k: int) -> Self:
        return replace(self, seed=self.seed + (k << 64), whole=self._whole.stream(k))

    def of_items(self) -> Self:
        shared = self._whole.of_items()
        return replace(self, samples=shared.samples, whole=shared)

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        if self.shared or self.strength == 0:
            return self._whole.draw(purpose, step, shape)
        members, places = self._sets
        xi = members.draw(purpose, step, shape).unflatten(0, (-1, self.group))
        mean = xi.mean(1, keepdim=True)
        z = (xi - mean).mul_(math.sqrt(1 + self.strength / (self.group - 1)))
        if self.strength < 1:
            z += math.sqrt(1 - self.strength) * mean
        z = z.flatten(0, 1)
        return z if places is None else z[places]

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        return self._whole.uniform(purpose, step)
