"""Families of priors that a configuration can name; one file each, found by file name."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from posterity.registry import Registry, bare

if TYPE_CHECKING:
    from posterity.priors.families.base import Family

__all__ = ["REGISTRY", "find", "names", "schema"]

REGISTRY: Registry[Family] = Registry(
    __name__, "kind of prior", "base.Family", beside=("base",), facts=("has", "closed_form", "made_of", "about")
)
find, names = REGISTRY.find, REGISTRY.names


def schema(only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return {kind: {settings (JSON schema), has, closed_form, made_of, about, doc}} of all families or only some."""
    described = REGISTRY.schema(only)
    return {name: found | {"settings": bare(found["settings"])} for name, found in described.items()}
