"""Masks of ECG tasks: keep-masks that broadcast to (leads, time), 1 where a value is measured.

``observed_leads`` keeps whole leads (Janati et al. 2025, Sec. 4: the other leads from lead I). ``missing_block`` hides
one half of the time in all leads, their "missing block". ``missing_block_per_lead`` hides a block at another place in
each lead; with ``half`` one of both halves, their "random missing block" (public code of Alcaraz and Strodthoff 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.signals.ecg import LEADS

__all__ = ["HALF", "HALVES", "SHAPES", "missing_block", "missing_block_per_lead", "observed_leads"]

HALVES = ("first", "second", "random")
HALF = "half"
"""The value of ``missing_block_per_lead`` that hides the first or the second half of each lead."""


def observed_leads(names: Sequence[str], time: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    """Keep the leads ``names`` (case-insensitive), (leads, 1)."""
    known = {lead.lower(): k for k, lead in enumerate(LEADS)}
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise PosterityError(f"observed_leads is {names!r}, expected a list of names out of {', '.join(LEADS)}")
    for name in names:
        if str(name).lower() not in known:
            raise PosterityError(f"observed_leads: there is no lead {name!r}; choose out of {', '.join(LEADS)}")
    keep = torch.zeros(len(LEADS), 1)
    keep[[known[str(name).lower()] for name in names]] = 1
    if bool(keep.all()):
        raise PosterityError("observed_leads names every lead; leave out those that are to be restored")
    return keep


def missing_block(half: str, time: int, rng: np.random.Generator) -> Tensor:
    """Hide the first or second half of all leads, or a random one of them, (1, time)."""
    if half not in HALVES:
        raise PosterityError(f"missing_block is {half!r}, expected one of {', '.join(HALVES)}")
    chosen = half if half != "random" else HALVES[int(rng.integers(2))]
    keep = torch.ones(1, time)
    keep[:, : time // 2] = 0
    return keep if chosen == "first" else keep.flip(1)


def missing_block_per_lead(share: float | str, time: int, rng: np.random.Generator) -> Tensor:
    """Hide ``share`` of the time, at an independent place in each lead, or one ``half`` of it, (leads, time)."""
    if share == HALF:
        return torch.cat([missing_block("random", time, rng) for _ in LEADS])
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise PosterityError(f"missing_block_per_lead is {share!r}, expected a share between 0 and 1, or {HALF}")
    length = min(max(1, round(share * time)), time - 1)
    keep = torch.ones(len(LEADS), time)
    for lead, start in enumerate(rng.integers(0, time - length + 1, len(LEADS))):
        keep[lead, start : start + length] = 0
    return keep


SHAPES: Mapping[str, Callable[[Any, int, np.random.Generator], Tensor]] = {
    "observed_leads": observed_leads,
    "missing_block": missing_block,
    "missing_block_per_lead": missing_block_per_lead,
}
"""{key of an inpainting task: (the key's value, time, generator) → keep-mask}."""
