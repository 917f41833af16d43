"""Settings of samplers for the closed-form problems, with where they come from.

One place for the workflow and for ``posterity verify``; it loads nothing, so a configuration can be
checked with it. What is left out is the sampler's default. ``clamp: false`` everywhere: these signals
have no range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TUNED", "Tuned", "tuned"]


@dataclass(frozen=True)
class Tuned:
    """What a method gets for one kind of prior, and why."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


_COMPARISON = "as in the comparison of Janati et al. 2025"
_LONG = f"1000 steps {_COMPARISON}"

TUNED: Mapping[str, Mapping[str, Tuned]] = {
    "mixture": {
        "mgps": Tuned(
            {
                "steps": 300, "eta": 0.75, "late_eta": 0.75, "warm_level": 2000, "rate": 0.1,
                "last": 20, "last_fits": 2, "first": 10, "first_fits": 20, "every": 10, "every_fits": 20, "fits": 2,
            },
            "the mixture's settings in the official code; the midpoint is the best of its ablation",
        ),
        "dps": Tuned(
            {"steps": 1000, "scale": 0.02, "clamp": False},
            f"{_LONG}; the scale has the least mean distance on held-out instances (sweep dps_scale of the experiment "
            "gmm-sliced-wasserstein: 4.6, 5.8, 5.2, 7.1, 9.6 at 0.02, 0.06, 0.2, 0.6, 2). It multiplies the gradient "
            "of the norm: a step for the gradient of the squared norm over the norm is half of it, here 0.01",
        ),
        "pgdm": Tuned({"steps": 1000, "init": "noise"}, _LONG),
        "ddnm": Tuned({"steps": 1000, "eta": 0.85}, _LONG),
        "ddrm": Tuned({"steps": 1000, "eta": 0.85}, "as many steps as DDNM+, with which it then coincides"),
        "diffpir": Tuned(
            {"steps": 1000, "strength": 4.0, "zeta": 1.0, "clamp": False},
            f"{_LONG}, whose λ = 1 is 4 in the units of the method's own paper",
        ),
        "reddiff": Tuned({"steps": 1000, "rate": 0.1, "strength": 0.25}, _LONG),
        "reddiff_v": Tuned({"steps": 1000, "rate": 0.1, "strength": 0.25}, "as RED-diff"),
        "copaint": Tuned({"clamp": False}, "its defaults, which it has from images"),
        "copaint_tt": Tuned({"clamp": False}, "its defaults, which it has from images"),
        "repaint": Tuned({"clamp": False}, "its defaults, which it has from images"),
        "replacement": Tuned({"clamp": False}, "its defaults, which it has from images"),
        "ilvr": Tuned({"clamp": False}, "its defaults, which it has from images"),
    },
}  # fmt: skip
"""By kind of prior, then by method; a Gaussian gets what the mixture gets."""


def tuned(prior: str, method: str) -> dict[str, Any]:
    """Settings of ``method`` for the closed-form problems of ``prior``, laid over its defaults."""
    found = TUNED.get(prior, TUNED["mixture"]).get(method)
    return dict(found.settings) if found else {}
