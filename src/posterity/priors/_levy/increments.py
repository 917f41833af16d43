"""Laws of independent increments as Gaussian scale mixtures with random variance q, which a Gibbs sweep redraws."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posterity.errors import PosterityError

__all__ = ["Array", "BernoulliLaplace", "Gauss", "Increments", "Laplace", "Model", "Student"]

Array = NDArray[np.float64]
_SMALLEST = 1e-10
"""Least magnitude of an increment, in units of the scale, in a denominator."""
_CLIP = 1e-12, 1e12
"""Bounds on precisions, in units of the scale."""


class Model(Protocol):
    """The part of a linear model needed by increments with exact zeros."""

    def flip(self, present: NDArray[np.bool_], w: Array, log_odds: float, uniform: Array) -> tuple[Array, Array]:
        """Return new indicators and the probabilities they were drawn with, (n, N) each."""


class Increments(ABC):
    """p_U, the law of every increment of the process, including the first value."""

    numbers: int = 0
    """Random numbers per increment and sweep."""
    constant: float | None = None
    """The variance if it is not random."""
    apart: int = 40
    """Sweeps between two draws of a chain, a multiple of 4, as needed by the slowest coordinates."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Draw independent increments, shape ``size``."""

    @abstractmethod
    def start(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Draw variances q from their prior, shape ``size``."""

    @abstractmethod
    def randomness(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Draw the random numbers that ``variances`` uses, (numbers, *size)."""

    @abstractmethod
    def variances(self, u: Array, randomness: Array, model: Model) -> tuple[Array, Array | None]:
        """Return (a draw of q given u, P(u ≠ 0 | all but u) if increments can be 0), (n, N) each."""

    @abstractmethod
    def log_density(self, u: Array) -> Array:
        """Return log p_U(u) elementwise, up to a constant."""


@dataclass(frozen=True)
class Gauss(Increments):
    """N(0, variance), where sweeps are independent draws."""

    variance: float
    apart = 4

    def __post_init__(self) -> None:
        _positive("Gauss", "variance", self.variance)

    @property
    def constant(self) -> float:  # type: ignore[override]
        return self.variance

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return math.sqrt(self.variance) * rng.standard_normal(size)

    def start(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:  # noqa: ARG002
        return np.full(size, float(self.variance))

    def randomness(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:  # noqa: ARG002
        return np.empty((0, *size))

    def variances(self, u: Array, randomness: Array, model: Model) -> tuple[Array, Array | None]:  # noqa: ARG002
        return np.full(u.shape, float(self.variance)), None

    def log_density(self, u: Array) -> Array:
        return -(u**2) / (2 * self.variance)


@dataclass(frozen=True)
class Laplace(Increments):
    """Laplace(b), exp(-|u|/b)/(2b): a Gaussian with exponential variance of mean 2b²."""

    b: float
    numbers = 2
    apart = 20

    def __post_init__(self) -> None:
        _positive("Laplace", "b", self.b)

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return rng.laplace(scale=self.b, size=size)

    def start(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return 2 * self.b**2 * rng.standard_exponential(size)

    def randomness(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return np.stack([rng.standard_normal(size), rng.random(size)])

    def variances(self, u: Array, randomness: Array, model: Model) -> tuple[Array, Array | None]:  # noqa: ARG002
        return self.given(u, *randomness), None

    def given(self, u: Array, normal: Array, uniform: Array) -> Array:
        """Draw 1/ρ with ρ inverse Gaussian of mean 1/(b|u|) and shape 1/b²; elementwise in u."""
        mean = 1 / np.maximum(np.abs(u) / self.b, _SMALLEST)
        # The smaller root, avoiding the cancellation of the textbook formula, which is fatal for mean ≫ shape.
        h = normal**2 * mean / 2
        root = mean / (1 + h + np.sqrt(h * (h + 2)))
        rho = np.where(uniform * (mean + root) <= mean, root, mean**2 / root)
        return self.b**2 / np.clip(rho, *_CLIP)

    def log_density(self, u: Array) -> Array:
        return -np.abs(u) / self.b


@dataclass(frozen=True)
class Student(Increments):
    """``scale`` times Student's t with ``nu`` degrees of freedom: a Gaussian with precision Gamma(ν/2, rate ν/2)."""

    nu: float
    scale: float = 1.0
    numbers = 1

    def __post_init__(self) -> None:
        _positive("Student", "nu", self.nu)
        _positive("Student", "scale", self.scale)

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return self.scale * rng.standard_t(self.nu, size)

    def start(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return self.scale**2 / np.clip(rng.standard_gamma(self.nu / 2, size) * 2 / self.nu, *_CLIP)

    def randomness(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return rng.standard_gamma((self.nu + 1) / 2, size)[None]

    def variances(self, u: Array, randomness: Array, model: Model) -> tuple[Array, Array | None]:  # noqa: ARG002
        rho = 2 * randomness[0] / (self.nu + (u / self.scale) ** 2)
        return self.scale**2 / np.clip(rho, *_CLIP), None

    def log_density(self, u: Array) -> Array:
        return -(self.nu + 1) / 2 * np.log1p((u / self.scale) ** 2 / self.nu)


@dataclass(frozen=True)
class BernoulliLaplace(Increments):
    """0 with probability 1 - p, Laplace(b) otherwise."""

    p: float
    b: float
    numbers = 4

    def __post_init__(self) -> None:
        if not 0 < self.p < 1:
            raise PosterityError(f"BernoulliLaplace: p = {self.p!r} is not between 0 and 1")
        _positive("BernoulliLaplace", "b", self.b)

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return (rng.random(size) < self.p) * rng.laplace(scale=self.b, size=size)

    def start(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return (rng.random(size) < self.p) * Laplace(self.b).start(rng, size)

    def randomness(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        drawn = [rng.standard_normal(size), rng.random(size), rng.standard_exponential(size), rng.random(size)]
        return np.stack(drawn)

    def variances(self, u: Array, randomness: Array, model: Model) -> tuple[Array, Array | None]:
        """Return (q, P(u ≠ 0 | all but u)), (n, N) each, by a partially collapsed step.

        w is conditioned on u, the indicators are not, so u must be drawn directly after.
        """
        normal, uniform, exponential, decision = randomness
        present = u != 0
        w = np.where(present, Laplace(self.b).given(u, normal, uniform), 2 * self.b**2 * exponential)
        chosen, probability = model.flip(present, w, math.log(self.p / (1 - self.p)), decision)
        return chosen * w, probability

    def log_density(self, u: Array) -> Array:
        """Return the log density with respect to δ₀ + Lebesgue measure, elementwise."""
        jump = math.log(self.p / (2 * self.b)) - np.abs(u) / self.b
        return np.where(u != 0, jump, math.log(1 - self.p))


def _positive(law: str, name: str, value: float) -> None:
    if not (isinstance(value, int | float) and 0 < value < math.inf):
        raise PosterityError(f"{law}: {name} = {value!r} is not a positive number")
