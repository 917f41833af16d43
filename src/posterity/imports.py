"""Imports of large libraries without what they import in turn and we never use.

torchvision imports the whole compiler of torch for one function of its detectors, POT imports scikit-learn
and ``scipy.stats`` for methods of its other chapters, diffusers everything that it could work with: seconds in
every job that measures a picture or evaluates a network.
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
"""Taken names from by libraries that call them late, or never."""
ABSENT = ("sklearn.cluster",)
"""Imported by libraries that also do without."""
NETWORKS = ("transformers", "bitsandbytes")
"""What diffusers also does without, unless it is asked for a transformer or for few bits."""


class _Late:
    """A name of a deferred module, which is imported when the name is used."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> Any:
        if isinstance(sys.modules.get(self._module), _Deferred):  # needed while the block still runs
            del sys.modules[self._module]
        return getattr(import_module(self._module), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)


class _Deferred(ModuleType):
    """Stands for a module while others take names from it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Late(self.__name__, name)


@contextmanager
def lean(deferred: Sequence[str] = DEFERRED, absent: Sequence[str] = ABSENT) -> Iterator[None]:
    """Within the block, imports do without ``deferred`` (until a function of it is called) and ``absent``.

    What is imported already stays as it is, and what is imported after the block is complete.
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
