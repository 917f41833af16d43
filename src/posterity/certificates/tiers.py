"""The cost of a certificate: sizes, statistics and the settings of samplers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from posterity.certificates.gibbs import LAWS
from posterity.certificates.tuned import tuned
from posterity.samplers.base import Sampler

__all__ = ["TIERS", "Tier", "options", "size"]


@dataclass(frozen=True)
class Tier:
    """The sizes that a certificate uses.

    Arguments:
        replicates: R, the number of measurements.
        draws: S draws of each; S + 1 is divisible by the bins of the rank statistics.
        depth: draws of each measurement that is examined in depth.
        instances: number of instances of a toy problem.
        without: statistics that are left out.
    """

    replicates: int
    draws: int
    depth: int
    instances: int
    without: frozenset[str] = frozenset()


TIERS: dict[str, Tier] = {
    "quick": Tier(64, 63, 1000, 4, frozenset({"c2st"})),
    "standard": Tier(100, 127, 1000, 20),
    "full": Tier(500, 999, 10_000, 20),
}
"""``quick``: all samplers on the Gaussian, mixture and kernel priors in less than a minute on two cores, with
the settings that their classes name for it; ``standard``: the same in about ten minutes; ``full``: default settings,
many draws, hours."""

_PROCESS = {"replicates": 24, "draws": 31, "depth": 256}
"""Upper limits for priors whose every evaluation runs Markov chains."""


def size(tier: str, prior: str) -> Tier:
    """Return the sizes of a certificate with this prior."""
    full = TIERS[tier]
    if prior not in LAWS or tier == "full":
        return full
    return replace(full, **{k: min(most, getattr(full, k)) for k, most in _PROCESS.items()})


def options(method: str, cls: type[Sampler], tier: str, toy: bool = False) -> dict[str, Any]:
    """Return a sampler's settings: those of its class for the tier, or those tuned for ``method`` on a toy problem.

    On a toy problem only the quick tier takes fewer steps: the published numbers are for the tuned settings.
    """
    named = {"quick": cls.quick, "standard": cls.standard}
    cheap = dict(named.get(tier, {}))
    if not toy:
        return cheap
    return tuned(method, getattr(cls, "__dataclass_fields__", {})) | (cheap if tier == "quick" else {})
