"""Datasets: the items to restore and the items that priors are made from; one file per kind.

A kind's file has two functions: ``outline(select, count)`` returns the :class:`~posterity.datasets.items.Outline`, the
facts known before preparation, and ``prepare(source, select, size, count)`` the
:class:`~posterity.datasets.items.DataSet`. A file with ``OWN = True`` prepares a user's own files: it needs no asset,
and its ``outline`` takes the source first.
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
