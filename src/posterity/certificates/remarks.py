"""Remarks beyond the verdicts: a method is no posterior sampler at all, or one number hides an error."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from posterity.certificates.finding import Finding

__all__ = ["NONSENSE", "hidden", "known", "nonsense"]

NONSENSE = "not a posterior sampler"
READING = 1 / 20
"""Squared differences between measurements over the exact ones, below which the sampler may ignore y."""
SAME, CHANCE = 1 / 100, 1.1
"""Distance in standard deviations of the prior, plus a multiple of the floor, within which draws are the same."""
SPREAD = 1 / 6
"""Variance within modes over the exact one, below which draws are near repetitions."""
RESIDUAL, PRIOR = 10.0, 0.9
"""Multiples of the exact residual and of that of prior draws, above both of which draws do not fit y."""
ORDER = math.sqrt(10)
"""Ratio above which a value is closer to ten than to one."""

_SPREADS = (("spread/overall", SPREAD), ("mmse/spread gap", 10 * math.log10(SPREAD)))
"""The variance within modes or, if that is not known, of whole pools in dB."""


def nonsense(findings: Sequence[Finding], known: Collection[str] = ()) -> str:
    """Return the reasons why these are not draws of a posterior sampler, or "".

    Arguments:
        findings: findings of the whole panel.
        known: names of statistics (:func:`known`) that are not held against this sampler.
    """
    values = {f.key: f.value for f in findings if f.value is not None}
    reasons = []
    reading, same = values.get("reading/between"), next((f for f in findings if f.key == "reading/same noise"), None)
    if reading is not None and reading < READING and (same is None or _as_near_as_its_floor(same)):
        reasons.append(f"y is not read (reading {_shown(reading)}, limit {READING:.2g})")
    key, limit = next((one for one in _SPREADS if one[0] in values), ("", 0.0))
    if key and values[key] < limit and "spread" not in known:
        reasons.append(f"hardly any spread ({key} {_shown(values[key])}, limit {limit:.2g})")
    prior = values.get("residual/prior")
    found = next((values[k] for k in ("residual/mean", "residual/violation") if k in values), None)
    # without noise the exact residual is 0, and every residual is more than ten times that
    order = "residual/mean" not in values or values["residual/mean"] > RESIDUAL
    if found is not None and prior is not None and order and found > PRIOR * prior:
        reasons.append(f"no nearer to y than draws of the prior (residual {_shown(found)}, theirs {_shown(prior)})")
    return "; ".join(reasons)


def known(stored: Iterable[str]) -> frozenset[str]:
    """Return the statistics that :func:`nonsense` does not hold against a method, from the keys of its stored bands.

    Mode-seeking published methods, and others with few steps, hardly spread; if the spread of a method is
    stored, its bands tell whether that is new.
    """
    return frozenset({"spread"} if _SPREADS[0][0] in stored else ())


def hidden(findings: Iterable[Finding]) -> str:
    """Describe an error that the sliced distance hardly detects, a residual off by an order of magnitude, or ""."""
    ratio = next((f.value for f in findings if f.key == "residual/mean"), None)
    if ratio is None or 1 / ORDER <= ratio <= ORDER:
        return ""
    side = "too wide" if ratio > 1 else "too narrow"
    return f"the residual is {ratio:.2g} times the exact one: {side} along A, where few of the directions look"


def _as_near_as_its_floor(same: Finding) -> bool:
    """True if draws for two measurements at the same noise are no farther apart than draws for one."""
    return same.value is None or same.value <= SAME + CHANCE * (same.floor or 0.0)


def _shown(value: float) -> str:
    return f"{value:.2g}" if abs(value) >= 0.005 else "0.00"
