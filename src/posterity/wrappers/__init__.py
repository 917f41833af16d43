"""Wrappers, which go around samplers; one file each, found by its name."""

from __future__ import annotations

from typing import Any

from posterity.registry import Registry
from posterity.wrappers.base import Wrapped, Wrapper

__all__ = ["REGISTRY", "Wrapped", "Wrapper", "find", "names", "schema"]

REGISTRY: Registry[Wrapper] = Registry(__name__, "wrapper", "base.Wrapper", beside=("base",))
find, names = REGISTRY.find, REGISTRY.names


def schema() -> dict[str, dict[str, Any]]:
    """Return what every wrapper takes and needs: {name: {settings (JSON schema), needs, doc}}."""
    return REGISTRY.schema("needs")
