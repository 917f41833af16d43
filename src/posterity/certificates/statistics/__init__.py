"""Statistics, one file each; a file is found by its name and defines ``examine(evidence) -> list[Finding]``.

A new one is admitted with two tests in ``tests/certificates/test_gates.py``: exact draws pass it, and a
sampler of :mod:`posterity.certificates.broken` that errs in the way it claims to detect fails it.
"""

from __future__ import annotations

from collections.abc import Callable

from posterity.certificates.evidence import Evidence
from posterity.certificates.finding import Finding
from posterity.registry import Registry

__all__ = ["REGISTRY", "find", "names"]

Examine = Callable[[Evidence], list[Finding]]
REGISTRY: Registry[object] = Registry(__name__, "statistic")
names = REGISTRY.names


def find(name: str) -> Examine:
    """Return the function of the file ``name``."""
    examine: Examine = REGISTRY.module(name).examine
    return examine
