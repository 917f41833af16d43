"""Estimates how many participants a study needs, from simulated studies analysed like real ones.

Participants and images vary as in :mod:`posterity.study.effects`; β is set so that the overall share of answers for
the approach is the given one. A simulated study succeeds if its 95 % bootstrap interval excludes the share expected
by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from posterity.study.analyse import bootstrap

__all__ = ["Power", "intercept", "power"]

_REPLICATES = 400
"""Bootstrap replicates in each simulated study."""
_NODES = 40


class Power(NamedTuple):
    """With ``people`` participants: the share of studies that succeed, its error, the mean width of intervals in %."""

    people: int
    power: float
    error: float
    width: float


def intercept(share: float, spread: float) -> float:
    """Return β for which logit⁻¹(β + N(0, spread²)) has mean ``share``."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    return float(brentq(lambda b: float(weights @ (1 / (1 + np.exp(-b - spread * nodes)))) - share, -40, 40))


def power(
    share: float, people: Sequence[int], images: int, *, each: int | None = None, person_sd: float = 0.5,
    image_sd: float = 1.0, chance: float = 0.5, studies: int = 500, seed: int = 0,
) -> list[Power]:  # fmt: skip
    """Return the power for each number of participants.

    Arguments:
        share: expected share of answers for the approach, in (0, 1).
        people: numbers of participants.
        images: number of images in the comparison.
        each: images per participant; by default all.
        person_sd, image_sd: standard deviation between people and between images, in logits.
        chance: share of answers under the null hypothesis.
        studies: simulated studies per number of participants.
        seed: seed of the simulation.
    """
    beta = intercept(share, float(np.hypot(person_sd, image_sd)))
    out = []
    for count in people:
        rng = np.random.default_rng([seed, count])
        ends = np.array([_study(beta, count, images, each or images, person_sd, image_sd, rng) for _ in range(studies)])
        missed = (ends[:, 0] > 100 * chance) | (ends[:, 1] < 100 * chance)
        hit = float(missed.mean())
        out.append(
            Power(count, hit, float(np.sqrt(hit * (1 - hit) / studies)), float((ends[:, 1] - ends[:, 0]).mean()))
        )
    return out


def _study(
    beta: float, people: int, images: int, each: int, person_sd: float, image_sd: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the interval of one simulated study, in percent."""
    u, v = person_sd * rng.standard_normal((people, 1)), image_sd * rng.standard_normal(images)
    said = rng.random((people, images)) < 1 / (1 + np.exp(-(beta + u + v)))
    met: NDArray[np.bool_] = rng.random((people, images)).argsort(1) < min(each, images)
    answers = met.sum(0)
    successes = (said & met).sum(0)
    asked = answers > 0
    return bootstrap(successes[asked], answers[asked], _REPLICATES, rng)
