"""How much a certificate costs: sizes, statistics and samplers' settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from posterity import samplers
from posterity.certificates.gibbs import LAWS
from posterity.certificates.tuned import tuned

__all__ = ["TIERS", "Tier", "options", "size"]


@dataclass(frozen=True)
class Tier:
    """How much is spent on a certificate.

    Arguments:
        replicates: R measurements.
        draws: S of each; S + 1 is divisible by the bins of the rank statistics.
        depth: draws of each measurement that is looked at in depth.
        instances: of a toy problem.
        without: statistics that are left out.
        settings: by method, what a sampler gets instead of its defaults, to be affordable.
    """

    replicates: int
    draws: int
    depth: int
    instances: int
    without: frozenset[str] = frozenset()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_QUICK: dict[str, dict[str, Any]] = {
    "copaint": {"steps": 20},
    "copaint_tt": {"steps": 20, "jump_length": 5},
    "ddnm": {"steps": 50},
    "diffpir": {"steps": 50},
    "dps": {"steps": 50},
    "ilvr": {"steps": 50},
    "mgps": {"steps": 15},
    "pgdm": {"steps": 50},
    "reddiff": {"steps": 100},
    "reddiff_v": {"steps": 100},
    "repaint": {"steps": 30, "jump_repeat": 2},
    "replacement": {"steps": 50},
}
_STANDARD: dict[str, dict[str, Any]] = {
    "copaint": {"steps": 50},
    "copaint_tt": {"steps": 50},
    "dps": {"steps": 300},
    "ilvr": {"steps": 250},
    "mgps": {"steps": 50},
    "reddiff": {"steps": 300},
    "reddiff_v": {"steps": 300},
    "repaint": {"steps": 100, "jump_repeat": 3},
}

TIERS: dict[str, Tier] = {
    "quick": Tier(64, 63, 1000, 4, frozenset({"c2st"}), _QUICK),
    "standard": Tier(100, 127, 1000, 20, settings=_STANDARD),
    "full": Tier(500, 999, 10_000, 20),
}
"""``quick``: all samplers on the Gaussian, mixture and kernel priors in less than a minute of two cores, with
fewer steps than by default; ``standard``: in about ten; ``full``: default settings, many draws, hours."""

_PROCESS = {"replicates": 24, "draws": 31, "depth": 256}
"""At most, where every evaluation of the prior runs Markov chains."""


def size(tier: str, prior: str) -> Tier:
    """How much is spent on a certificate with this prior."""
    full = TIERS[tier]
    if prior not in LAWS or tier == "full":
        return full
    return replace(full, **{k: min(most, getattr(full, k)) for k, most in _PROCESS.items()})


def options(method: str, tier: str, toy: bool = False) -> dict[str, Any]:
    """What ``method`` is made with: its tier's settings, and on a toy problem what is tuned for it.

    Only the quick tier takes fewer steps on a toy problem: its published numbers are for those tuned.
    """
    cheap = dict(TIERS[tier].settings.get(method, {}))
    if not toy:
        return cheap
    fields = getattr(samplers.find(method), "__dataclass_fields__", {}) if method in samplers.names() else {}
    return tuned(method, fields) | (cheap if tier == "quick" else {})
