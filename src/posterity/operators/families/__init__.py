"""Operator families that a task can name, one file each, found by file name."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from posterity.registry import Registry, bare

if TYPE_CHECKING:
    from posterity.operators.families.base import Family

__all__ = ["REGISTRY", "find", "names", "schema"]

REGISTRY: Registry[Family] = Registry(
    __name__, "operator", "base.Family", beside=("base",), facts=("has", "any_signal", "one_of")
)
find, names = REGISTRY.find, REGISTRY.names


def schema(only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return {name: {settings (JSON schema), has, any_signal, one_of, doc}} of all families, or of ``only`` these."""
    described = REGISTRY.schema(only)
    return {name: about | {"settings": bare(about["settings"])} for name, about in described.items()}
