"""Subset rules: which few samples of a pool are shown; one file each, found by file name."""

from __future__ import annotations

from posterity.registry import Registry
from posterity.subsets._base import Rule, check

__all__ = ["REGISTRY", "Rule", "check", "find", "names", "schema"]

REGISTRY: Registry[Rule] = Registry(__name__, "subset method", "_base.Rule", beside=("hierarchical",))
find, names, schema = REGISTRY.find, REGISTRY.names, REGISTRY.schema
