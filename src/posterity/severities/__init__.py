"""Severities: how badly measurements have spoilt their signals, told before any sampling; one file for each way."""

from __future__ import annotations

from typing import Any

from posterity.registry import Registry
from posterity.severities.base import Estimator

__all__ = ["REGISTRY", "find", "names", "schema"]

REGISTRY: Registry[Estimator] = Registry(__name__, "kind of severity", "base.Estimator", beside=("base",))
find, names = REGISTRY.find, REGISTRY.names


def schema() -> dict[str, dict[str, Any]]:
    """Return {kind: {settings (JSON schema), needs, doc}}."""
    return REGISTRY.schema("needs")
