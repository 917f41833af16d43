"""Samplers, one file each; a file is found by its name, so adding one edits nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.samplers.base import Sampler

__all__ = ["REGISTRY", "find", "names", "schema"]

REGISTRY: Registry[Sampler] = Registry(
    __name__, "sampler", "base.Sampler", beside=("base", "cost", "problem", "severity")
)
find, names = REGISTRY.find, REGISTRY.names


def schema() -> dict[str, dict[str, Any]]:
    """Return {method: {settings (JSON schema), needs, guidable, begins_late, doc}}."""
    return REGISTRY.schema("needs", "guidable", "begins_late")
