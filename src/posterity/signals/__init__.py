"""Kinds of signals: their unit, their bounds and how they are drawn, so that no other room asks what a signal is.

An *image* has shape (C, H, W) in [-1, 1]; an *ecg* has shape (leads, time) in mV. One file each, found by its name.
"""

from __future__ import annotations

from functools import cache

from posterity.registry import Registry
from posterity.signals.base import Kind, Picture

__all__ = ["REGISTRY", "Kind", "Picture", "find"]

REGISTRY: Registry[Kind] = Registry(__name__, "signal kind", "base.Kind", beside=("base",))


@cache
def find(name: str, rate: float | None = None) -> Kind:
    """Return the kind of a name.

    Arguments:
        name: of a file of this folder.
        rate: samples per second; None for what has no time.

    Raises:
        PosterityError: for an unknown name.
    """
    return REGISTRY.find(name)(rate)
