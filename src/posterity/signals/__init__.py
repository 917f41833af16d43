"""Kinds of signals: their unit, bounds and how they are drawn, so that no other package depends on the kind.

An *image* is (C, H, W) in [-1, 1]; an *ecg* is (leads, time) in mV. One file each, found by file name.
"""

from __future__ import annotations

from functools import cache

from posterity.registry import Registry
from posterity.signals.base import Kind, Picture

__all__ = ["REGISTRY", "Kind", "Picture", "find"]

REGISTRY: Registry[Kind] = Registry(__name__, "signal kind", "base.Kind", beside=("base",))


@cache
def find(name: str, rate: float | None = None) -> Kind:
    """Return the kind of signal called ``name``.

    Arguments:
        name: name of a file of this folder.
        rate: samples per second; None for signals without time.

    Raises:
        PosterityError: if the name is unknown.
    """
    return REGISTRY.find(name)(rate)
