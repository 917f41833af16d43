"""Samplers, one file each. They are found by file name: adding one edits no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.samplers.base import Sampler

__all__ = ["REGISTRY", "find", "names", "schema"]

REGISTRY: Registry[Sampler] = Registry(
    __name__,
    "sampler",
    "base.Sampler",
    beside=("base", "cost", "problem", "severity"),
    facts=("needs", "guidable", "begins_late", "baseline"),
)
find, names, schema = REGISTRY.find, REGISTRY.names, REGISTRY.schema
