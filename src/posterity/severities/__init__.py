"""Severity estimators: how badly a measurement degraded its signal, before any sampling; one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.severities.base import Estimator

__all__ = ["REGISTRY", "find", "names", "schema"]

REGISTRY: Registry[Estimator] = Registry(
    __name__, "kind of severity", "base.Estimator", beside=("base", "examination", "training"), facts=("needs",)
)
find, names, schema = REGISTRY.find, REGISTRY.names, REGISTRY.schema
