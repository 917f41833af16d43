"""Wrappers, which go around samplers; one file each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from pydantic import TypeAdapter

from posterity.wrappers.base import Wrapped, Wrapper

__all__ = ["Wrapped", "Wrapper", "find", "names", "schema"]


def names() -> list[str]:
    """Return the wrappers that can be named in a configuration."""
    found = (m.name for m in pkgutil.iter_modules(__path__))
    return sorted(n for n in found if n != "base" and not n.startswith("_"))


def find(name: str) -> type[Wrapper]:
    """Return the wrapper class that the file ``name`` defines.

    Raises:
        KeyError: when there is no such file.
    """
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name}")
    own = (c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__)
    (cls,) = (c for c in own if issubclass(c, Wrapper))
    return cls


def schema() -> dict[str, dict[str, Any]]:
    """Return what every wrapper takes and needs: {name: {settings (JSON schema), needs, doc}}."""
    return {
        name: {
            "settings": TypeAdapter(cls).json_schema(),
            "needs": sorted(cls.needs),
            "doc": (cls.__doc__ or "").partition("\n")[0],
        }
        for name, cls in ((name, find(name)) for name in names())
    }
