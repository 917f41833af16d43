"""Imports large libraries without their own imports that this library never uses.

torchvision imports torch's whole compiler for one function of its detectors, POT imports scikit-learn
and ``scipy.stats`` for methods unused here, and diffusers imports every backend that it supports: this costs seconds
in every job that measures a picture or evaluates a network.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["NETWORKS", "lean"]

DEFERRED = (
    "torch._dynamo.utils", "scipy.stats", "scipy.ndimage", "pyiqa.data.dataset_api",
    "networkx", "networkx.algorithms.community",
)  # fmt: skip
"""Modules that libraries import names from but call late, or never."""
ABSENT = ("sklearn.cluster",)
"""Modules that libraries import but can do without."""
NETWORKS = ("transformers", "bitsandbytes")
"""Modules that diffusers can also do without, unless it is asked for a transformer or for quantisation."""


class _Late:
    """A name in a deferred module; the module is imported when the name is first used."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> Any:
        if isinstance(sys.modules.get(self._module), _Deferred):  # the name is needed while the block still runs
            del sys.modules[self._module]
        return getattr(import_module(self._module), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)


class _Deferred(ModuleType):
    """Stands in for a module while others import names from it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Late(self.__name__, name)


@contextmanager
def lean(deferred: Sequence[str] = DEFERRED, absent: Sequence[str] = ABSENT) -> Iterator[None]:
    """Within the block, import without ``absent``, and without ``deferred`` until one of its functions is called.

    Modules that are already imported stay as they are; imports after the block are complete.
    """
    placed: dict[str, ModuleType | None] = {name: _Deferred(name) for name in deferred}
    placed |= dict.fromkeys(absent)
    placed = {name: module for name, module in placed.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type]  # None is how Python writes that a module cannot be had
    try:
        yield
    finally:
        for name, module in placed.items():
            if sys.modules.get(name, module) is module:
                sys.modules.pop(name, None)
