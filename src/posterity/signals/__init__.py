"""Kinds of signals: their unit, their bounds and how they are drawn, so that no other room asks what a signal is.

An *image* has shape (C, H, W) in [-1, 1]; an *ecg* has shape (leads, time) in mV.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from posterity.errors import PosterityError
from posterity.signals.base import Kind, Picture
from posterity.signals.ecg import ECG
from posterity.signals.image import Image

__all__ = ["ECG", "KINDS", "Image", "Kind", "Picture", "find"]

KINDS: Mapping[str, type[Kind]] = {"image": Image, "ecg": ECG}


@cache
def find(name: str, rate: float | None = None) -> Kind:
    """Return the kind of a name.

    Arguments:
        name: a key of ``KINDS``.
        rate: samples per second; None for what has no time.

    Raises:
        PosterityError: for an unknown name.
    """
    if name not in KINDS:
        raise PosterityError(f"signal kind {name!r} does not exist; choose one of {', '.join(KINDS)}")
    return KINDS[name](rate)
