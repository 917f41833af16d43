"""Items that restorations are drawn for and that priors are made of: images in [-1, 1] with ids, splits and regions."""

from __future__ import annotations

from posterity.datasets.items import DataSet, Item

__all__ = ["DataSet", "Item"]
