"""Statistics, one file each; a file is found by its name and defines ``examine(evidence) -> list[Finding]``.

A new one is admitted with two tests in ``tests/certificates/test_gates.py``: exact draws pass it, and a
sampler of :mod:`posterity.certificates.broken` that errs in the way it claims to detect fails it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from posterity.certificates.evidence import Evidence
from posterity.certificates.finding import Finding

__all__ = ["find", "names"]

Examine = Callable[[Evidence], list[Finding]]


def names() -> list[str]:
    """All statistics."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def find(name: str) -> Examine:
    """The function of the file ``name``."""
    examine: Examine = importlib.import_module(f"{__name__}.{name}").examine
    return examine
