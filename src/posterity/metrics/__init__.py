"""Metrics: numbers about samples, sets, pools and runs; one file each, found by file name."""

from __future__ import annotations

from posterity.metrics.base import Metric
from posterity.registry import Registry

__all__ = ["REGISTRY", "Metric", "find", "names", "schema"]

REGISTRY: Registry[Metric] = Registry(
    __name__, "metric", "base.Metric", beside=("base",), facts=("scope", "needs", "asset")
)
find, names, schema = REGISTRY.find, REGISTRY.names, REGISTRY.schema
