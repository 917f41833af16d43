"""Samplers with one deliberate, known fault each, on which the statistics are tested.

Most of them distort draws of the exact posterior, so that the named fault is the only error. Three are
published samplers with the mistake of a public implementation; since the method itself is only approximate,
these are detected because they leave the band of the sound form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.operators.pointwise import Denoising
from posterity.priors.base import ExactPosterior
from posterity.samplers.base import Problem, Sampler, settings
from posterity.samplers.ddrm import DDRM
from posterity.samplers.dps import DPS
from posterity.samplers.pgdm import PGDM

__all__ = ["FAULTS", "Fault"]

_CANDIDATES = 24
"""Number of draws among which one of the wanted mode is sought."""


@dataclass(frozen=True)
class _Scaled(Noise):
    """Another noise whose normal draws for the steps are multiplied by ``factor``."""

    inner: Noise | None = field(default=None)
    factor: float = 1.0

    @classmethod
    def of(cls, noise: Noise, factor: float) -> _Scaled:
        known = noise.seed, noise.items, noise.samples, noise.dtype, noise.device, noise.shape
        return cls(*known, noise, factor)

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        assert self.inner is not None
        return (self.factor if purpose == "step" else 1.0) * self.inner.draw(purpose, step, shape)


class _Distorted(Sampler):
    """Draws of the exact posterior after :meth:`distort`."""

    needs = frozenset({"posterior"})
    guidable = False
    begins_late = False

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        exact = problem.prior.posterior(problem.operator, problem.y, problem.sigma_y)
        return self.distort(problem, exact, noise.stream(1), noise)

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        """Return the distorted restorations, (B, *signal); ``first`` is the noise of the undistorted draws."""
        raise NotImplementedError


@settings
class Scaled(_Distorted):
    """Multiply deviations from the posterior mean by ``factor``."""

    factor: Annotated[float, Field(gt=0)] = 0.9

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        return exact.mean + self.factor * (exact.sample(first) - exact.mean)


@settings
class WeakNoise(_Distorted):
    """Divide the noise by √2, which halves the variance within every mode."""

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        # the same mode and opposite noise: their mean is the centre of the mode
        x, opposite = exact.sample(first), exact.sample(_Opposite.of(first))
        return (x + opposite) / 2 + (x - opposite) / 2 / math.sqrt(2)


@dataclass(frozen=True)
class _Opposite(_Scaled):
    """Another noise with the sign of every normal draw flipped."""

    @classmethod
    def of(cls, noise: Noise, factor: float = -1.0) -> _Opposite:
        known = noise.seed, noise.items, noise.samples, noise.dtype, noise.device, noise.shape
        return cls(*known, noise, factor)

    def draw(self, purpose: str, step: int, shape: tuple[int, ...]) -> Tensor:
        assert self.inner is not None
        return self.factor * self.inner.draw(purpose, step, shape)

    def uniform(self, purpose: str, step: int = 0) -> Tensor:
        assert self.inner is not None
        return self.inner.uniform(purpose, step)


@settings
class Shifted(_Distorted):
    """Shift draws by ``by`` in every entry."""

    by: Annotated[float, Field(description="in the units of x")] = 0.05

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        return exact.sample(first) + self.by


@settings
class ReturnsPrior(_Distorted):
    """Draw from the prior and ignore y."""

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        return _unconditional(problem, first)


def _unconditional(problem: Problem, noise: Noise) -> Tensor:
    """Return draws of the prior, (B, *signal), as the posterior of an uninformative measurement."""
    nothing = problem.y.new_zeros(len(problem), *problem.shape)
    return problem.prior.posterior(Denoising(problem.shape), nothing, 1e6).sample(noise)


@settings
class SkewedWeights(_Distorted):
    """Draw the heaviest mode in place of the drawn one with probability ``share``."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.4

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        heaviest = exact.mode_probabilities.argmax(1)
        forced = noise.uniform("skew") < self.share
        return _chosen(exact, first, lambda mode: (mode == heaviest) | ~forced)


@settings
class DroppedMode(_Distorted):
    """Never draw the rarest of the modes that are more probable than ``least``."""

    least: Annotated[float, Field(ge=0, le=1)] = 0.01

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        weights = exact.mode_probabilities
        rarest = weights.where(weights > self.least, 2.0).argmin(1)
        alone = (weights > self.least).sum(1) < 2
        return _chosen(exact, first, lambda mode: (mode != rarest) | alone)


def _chosen(exact: ExactPosterior, noise: Noise, fits: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the first of several exact draws whose mode fits, or the last, (B, *signal)."""
    x = exact.sample(noise)
    for index in range(1, _CANDIDATES):
        again = ~fits(exact.mode_of(x))
        if not bool(again.any()):
            break
        x[again] = exact.sample(noise.stream(index + 1))[again]
    return x


@settings
class Antithetic(_Distorted):
    """Draw the samples of an item in pairs that are symmetric about the posterior mean."""

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        x, mean = exact.sample(first).clone(), exact.mean
        second = torch.zeros(len(x), dtype=torch.bool)
        for item in problem.items.unique():
            second[(problem.items == item).nonzero()[1::2, 0]] = True
        partner = torch.arange(len(x)) - 1
        x[second] = 2 * mean[second] - x[partner[second]]
        return x


@settings
class SharedNoise(_Distorted):
    """Correlate deviations from the posterior mean between all samples of an item, with correlation ``by``."""

    by: Annotated[float, Field(ge=0, le=1)] = 0.5

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        x, common = (exact.sample(n) - exact.mean for n in (first, noise.stream(2)))
        for item in problem.items.unique():
            rows = problem.items == item
            common[rows] = common[rows][:1]
        return exact.mean + math.sqrt(1 - self.by) * x + math.sqrt(self.by) * common


@settings
class Centred(_Distorted):
    """Subtract the mean deviation of the whole batch, so that a row depends on the other rows."""

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        off = exact.sample(first) - exact.mean
        return exact.mean + off - off.mean(0)


@settings
class OverFitted(_Distorted):
    """Remove a ``share`` of the residual, which reproduces the noise of y."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.5

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        x = exact.sample(first)
        return x + self.share * problem.operator.pinv(problem.y - problem.operator(x))


@settings
class Averaged(_Distorted):
    """Return the mean of ``count`` exact draws: close to y, and unlike any image of the prior."""

    count: Annotated[int, Field(ge=1)] = 8

    def distort(self, problem: Problem, exact: ExactPosterior, first: Noise, noise: Noise) -> Tensor:
        return torch.stack([exact.sample(noise.stream(i + 1)) for i in range(self.count)]).mean(0)


@settings
class WeakDDRM(DDRM):
    """DDRM whose steps draw their noise divided by √2."""

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        return super().run(problem, _Scaled.of(noise, 1 / math.sqrt(2)))


@settings
class BatchDPS(DPS):
    """DPS with the gradient of one norm over the whole batch."""

    def _predict(self, problem: Problem, x_t: Tensor, t: Level) -> tuple[Tensor, Tensor | None, Tensor]:
        x0, share, gradient = super()._predict(problem, x_t, t)
        norms = problem.residual(x0).flatten(1).norm(dim=1)
        # d‖(r_1 … r_B)‖ = Σ ‖r_b‖ d‖r_b‖ / ‖(r_1 … r_B)‖
        return x0, share, gradient * (norms / norms.norm()).view(-1, *[1] * (x_t.ndim - 1))


@settings
class NoiselessPGDM(PGDM):
    """ΠGDM that leaves σ_y out, as the official code does."""

    def run(self, problem: Problem, noise: Noise) -> Tensor:
        return super().run(replace(problem, sigma_y=0.0), noise)


@dataclass(frozen=True)
class Fault:
    """A broken sampler and the statistics that claim to detect it.

    Arguments:
        sampler: the broken one.
        claims: names of statistics.
        sound: the sampler of which it is a broken form; None for a distorted exact posterior.
        prior: the prior on which the claims hold.
    """

    sampler: Sampler
    claims: tuple[str, ...]
    sound: Sampler | None = None
    prior: str = "mixture"


def _made(cls: Any, **options: Any) -> Sampler:
    """Return a sampler with settings, whose signature ``settings`` hides from a type checker."""
    sampler: Sampler = cls(**options)
    return sampler


FAULTS: dict[str, Fault] = {
    "noise over √2": Fault(WeakNoise(), ("spread", "moments", "calibration", "c2st")),
    "sd × 0.9": Fault(Scaled(), ("spread", "calibration", "moments"), prior="gaussian"),
    "mean shifted": Fault(Shifted(), ("moments", "mmse", "calibration"), prior="gaussian"),
    "returns the prior": Fault(
        ReturnsPrior(), ("reading", "residual", "calibration", "sliced_wasserstein", "hallucination")
    ),
    "weights skewed": Fault(SkewedWeights(), ("modes",)),
    "a mode dropped": Fault(DroppedMode(), ("modes",)),
    "antithetic pool": Fault(Antithetic(), ("coupling",), prior="gaussian"),
    "shared noise": Fault(SharedNoise(), ("coupling",), prior="gaussian"),
    "centred on the batch": Fault(Centred(), ("coupling",), prior="gaussian"),
    "residual over-fitted": Fault(OverFitted(), ("residual",)),
    "mean of eight draws": Fault(Averaged(), ("mmse", "hallucination", "spread")),
    "ddrm, noise over √2": Fault(WeakDDRM(), ("spread",), DDRM()),
    "dps, batch-wide norm": Fault(_made(BatchDPS, steps=30), ("coupling",), _made(DPS, steps=30)),
    "pgdm, σ_y ignored": Fault(_made(NoiselessPGDM, steps=50), ("residual",), _made(PGDM, steps=50), "gaussian"),
}
"""Faults by name."""
