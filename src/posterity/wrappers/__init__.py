"""Wrappers, which go around samplers; one file each, found by file name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.wrappers.base import Wrapped, Wrapper

__all__ = ["REGISTRY", "Wrapped", "Wrapper", "find", "names", "schema"]

REGISTRY: Registry[Wrapper] = Registry(__name__, "wrapper", "base.Wrapper", beside=("base",), facts=("needs",))
find, names, schema = REGISTRY.find, REGISTRY.names, REGISTRY.schema


def __getattr__(name: str) -> Any:
    """Import the contract, and with it torch, only on access: listing names doesn't need it."""
    if name not in ("Wrapped", "Wrapper"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from posterity.wrappers import base

    return getattr(base, name)
