"""Samplers, one file each; a file is found by its name, so adding one edits nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from pydantic import TypeAdapter

from posterity.samplers.base import Sampler

__all__ = ["CONTRACT", "find", "names", "schema"]

CONTRACT = ("base", "cost", "problem")
"""Files of this folder that are no sampler."""


def names() -> list[str]:
    """Methods that can be named in a configuration."""
    return sorted(
        m.name for m in pkgutil.iter_modules(__path__) if m.name not in CONTRACT and not m.name.startswith("_")
    )


def find(name: str) -> type[Sampler]:
    """The sampler class that the file ``name`` defines.

    Raises:
        KeyError: when there is no such file.
    """
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name}")
    own = (c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__)
    (cls,) = (c for c in own if issubclass(c, Sampler))
    return cls


def schema() -> dict[str, dict[str, Any]]:
    """What every method takes and needs: {method: {settings (JSON schema), needs, guidable, doc}}."""
    return {
        name: {
            "settings": TypeAdapter(cls).json_schema(),
            "needs": sorted(cls.needs),
            "guidable": cls.guidable,
            "doc": (cls.__doc__ or "").partition("\n")[0],
        }
        for name, cls in ((name, find(name)) for name in names())
    }
