"""Datasets: items that restorations are drawn for and that priors are made of; one file for each kind.

A kind's file has two functions. ``outline(select, count)`` returns the :class:`~posterity.datasets.items.Outline`, what
is known before anything is prepared, and ``prepare(source, select, size, count)`` the
:class:`~posterity.datasets.items.DataSet`. A file with ``OWN = True`` makes datasets of a person's own files: it needs
no asset, and its ``outline`` takes the source first.
"""

from __future__ import annotations

from types import ModuleType

from posterity.registry import Registry

__all__ = ["REGISTRY", "module", "names", "schema"]

REGISTRY: Registry[ModuleType] = Registry(
    __name__,
    "kind of dataset",
    beside=(
        "drawing", "ecg_generator", "items", "labels", "people", "pictures", "regions", "sheet",
    ),
    facts=("OWN",),
)  # fmt: skip
module, names, schema = REGISTRY.module, REGISTRY.names, REGISTRY.schema
