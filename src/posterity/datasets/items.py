"""What a prepared data set is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DataSet", "Item", "alternate_split", "split"]

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """One image.

    Arguments:
        id: unique in its data set.
        name: for people.
        group: what a blockwise prior must not mix (base colour, skin tone).
        split: "prior" or "test".
        attributes: what can be seen.
        pixels: (H, W, 3), eight bits.
    """

    id: str
    name: str
    group: str
    split: str
    attributes: Sequence[str]
    pixels: Pixels


@dataclass(frozen=True)
class DataSet:
    """Items, the regions that all of them share (masks (H, W), true inside) and the licence's text."""

    items: Sequence[Item]
    license: str
    regions: dict[str, Mask] = field(default_factory=dict)

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        """Rows of the artifact "items"."""
        return [
            {"dataset": dataset, "item": i.id, "name": i.name, "group": i.group, "split": i.split,
             "attributes": list(i.attributes), "image": _image(i.pixels)}
            for i in self.items
        ]  # fmt: skip

    def region_rows(self, dataset: str) -> list[dict[str, Any]]:
        """Rows of the artifact "regions"; white is inside."""
        return [
            {"dataset": dataset, "region": name, "mask": _image(mask[..., None].astype(np.uint8) * 255)}
            for name, mask in self.regions.items()
        ]


def _image(levels: Pixels) -> dict[str, object]:
    import torch

    from posterity.artifacts import images

    return images.encode(torch.from_numpy(levels.copy()).permute(2, 0, 1).double() / 127.5 - 1)


def _number(id: str) -> int:
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8])


def split(id: str) -> str:
    """ "test" for every fifth id on average, by a hash of the id alone: other items cannot change it."""
    return "test" if _number(id) % 5 == 0 else "prior"


def alternate_split(ids: Sequence[str]) -> dict[str, str]:
    """Half "test", half "prior", in the order of the ids' hashes: for data sets too small for chance."""
    return {id: ("test", "prior")[k % 2] for k, id in enumerate(sorted(ids, key=_number))}
