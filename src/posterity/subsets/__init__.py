"""Rules that choose which few samples of a pool are shown, one file each, found by file name."""

from __future__ import annotations

import importlib
import pkgutil

from posterity.subsets._base import Rule, check

__all__ = ["Rule", "check", "find", "names"]


def names() -> list[str]:
    """Rules that can be named in a configuration."""
    found = (m.name for m in pkgutil.iter_modules(__path__))
    return sorted(n for n in found if n != "hierarchical" and not n.startswith("_"))


def find(name: str) -> type[Rule]:
    """The rule class that the file ``name`` defines.

    Raises:
        KeyError: when there is no such file.
    """
    if name not in names():
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{name}")
    own = (c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__)
    (cls,) = (c for c in own if issubclass(c, Rule))
    return cls
