"""The names of the twelve leads, and the six limb leads, any two of which determine the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS

__all__ = ["CHEST", "LIMB", "STANDARD", "canonical", "canonical_all", "complete", "twelve"]

Array = NDArray[np.floating[Any]]

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
STANDARD = LIMB + CHEST
"""The usual order of the twelve."""

_OF_I_AND_II: Mapping[str, tuple[float, float]] = {
    "I": (1, 0), "II": (0, 1), "III": (-1, 1), "aVR": (-0.5, -0.5), "aVL": (1, -0.5), "aVF": (-0.5, 1),
}  # fmt: skip
"""Each limb lead as a sum of I and II (Einthoven, Goldberger)."""
_KNOWN = {lead.lower(): lead for lead in STANDARD}
_AROUND = re.compile(r"^(?:mdc_ecg_lead_|ecg[ _]|lead[ _])*|\s*\((?:einthoven|goldberger|wilson)\)$", re.IGNORECASE)
"""Accepted prefixes and suffixes of a name: MDC_ECG_LEAD_aVR, Lead I (Einthoven)."""


def canonical(name: str) -> str:
    """Return the name of a lead in ``STANDARD`` for any of its spellings.

    Raises:
        PosterityError: if the name is another, including inverted (-aVR) and modified leads (MLII).
    """
    bare = _AROUND.sub("", name.strip()).strip().lower()
    if bare not in _KNOWN:
        raise PosterityError(f"there is no lead {_short(name)!r}; choose out of {', '.join(STANDARD)}")
    return _KNOWN[bare]


def canonical_all(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of leads in ``STANDARD``, in the order given.

    Raises:
        PosterityError: if a lead is unknown or duplicate.
    """
    found: dict[str, str] = {}
    for name in names:
        lead = canonical(name)
        if lead in found:
            raise PosterityError(f"lead {lead} is there twice, as {found[lead]!r} and {name!r}; name each lead once")
        found[lead] = name
    return tuple(found)


def complete(values: Array, names: Sequence[str]) -> Array:
    """Return all leads of ``STANDARD``, (12, time): given values unchanged, limb leads derived from any two.

    Arguments:
        values: (leads, time), NaN if unknown.
        names: names of the rows.

    Returns:
        (12, time), NaN where a value is neither given nor determined by two limb leads at that time.
    """
    given = dict(zip(canonical_all(names), values, strict=True))
    made = np.full((len(STANDARD), values.shape[1]), np.nan)
    for row, lead in enumerate(STANDARD):
        if lead in given:
            made[row] = given[lead]
    known = [lead for lead in LIMB if lead in given]
    for pair in combinations(known, 2):
        if not np.isnan(made[: len(LIMB)]).any():
            break
        first, second = _from(pair, given)
        for row, lead in enumerate(LIMB):
            of_first, of_second = _OF_I_AND_II[lead]
            derived = of_first * first + of_second * second
            made[row] = np.where(np.isnan(made[row]), derived, made[row])
    return made


def twelve(values: Array) -> Array:
    """Return all leads of ``STANDARD``, (12, time), from the eight independent ones, (8, time)."""
    return complete(values, LEADS)


def _from(pair: tuple[str, str], given: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return leads I and II from two limb leads; any two different ones determine both."""
    (a, b), (c, d) = (_OF_I_AND_II[lead] for lead in pair)
    x, y = (given[lead] for lead in pair)
    determinant = a * d - b * c
    return (d * x - b * y) / determinant, (a * y - c * x) / determinant


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:37]}..."
