"""Items, datasets and their outlines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity import signals
from posterity.signals import Kind

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DataSet", "Item", "Outline", "alternate_split", "shuffled", "split"]

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """One signal.

    Arguments:
        id: unique within its dataset.
        name: name for display.
        group: items that a blockwise prior may recombine share it (base colour, skin tone).
        split: "prior" or "test".
        attributes: visible attributes.
        signal: an image's pixels (H, W, 3), or (H, W, 1) for grey, in 8 bits; else values (leads, time) in the kind's
            unit.
        regions: masks (H, W) of this item only, true inside.
        subject: what the item shows; items of one subject are in the same split. Empty if no other item shows it.
    """

    id: str
    name: str
    group: str
    split: str
    attributes: Sequence[str]
    signal: Pixels | Values
    regions: Mapping[str, Mask] = field(default_factory=dict)
    subject: str = ""


@dataclass(frozen=True)
class DataSet:
    """Items of one kind of signal, the regions they share (masks (H, W), true inside) and the licence."""

    items: Sequence[Item]
    license: str
    regions: dict[str, Mask] = field(default_factory=dict)
    kind: Kind = field(default_factory=lambda: signals.find("image"))

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        """Return the rows of the artifact "items"."""
        return [
            {"dataset": dataset, "item": i.id, "name": i.name, "group": i.group, "split": i.split,
             "subject": i.subject or i.id, "attributes": list(i.attributes), "signal": self._signal(i)}
            for i in self.items
        ]  # fmt: skip

    def _signal(self, item: Item) -> dict[str, Any]:
        import torch

        from posterity.artifacts.signals import encode

        if item.signal.dtype == np.uint8:
            return encode(_unit(item.signal), self.kind)
        return encode(torch.from_numpy(item.signal), self.kind)

    def region_rows(self, dataset: str) -> list[dict[str, Any]]:
        """Return the rows of the artifact "regions", shared regions first; white is inside."""
        every = [(None, self.regions), *((item.id, item.regions) for item in self.items)]
        return [
            {"dataset": dataset, "region": name, "item": item, "mask": _image(mask[..., None].astype(np.uint8) * 255)}
            for item, regions in every
            for name, mask in regions.items()
        ]


def _no_regions(size: int) -> dict[str, Mask]:  # noqa: ARG001 - the signature of those that have some
    return {}


@dataclass(frozen=True)
class Outline:
    """Facts about a dataset that are known before it is prepared.

    Arguments:
        most: largest number of test items.
        splits: splits of its items.
        regions: maps the size in pixels to the regions shared by all items.
        own: names of regions that every item has for itself.
        labels: split and attributes of every item; None if unknown.
        described: whether items differ in their attributes.
        kind: kind of its signals.
        channels: number of channels of its images, if not three.
    """

    most: int
    splits: Sequence[str] = ("test",)
    regions: Callable[[int], Mapping[str, Mask]] = _no_regions
    own: Sequence[str] = ()
    labels: Sequence[Mapping[str, Any]] | None = None
    described: bool = True
    kind: Kind = field(default_factory=lambda: signals.find("image"))
    channels: int | None = None

    def shape(self, size: int) -> tuple[int, ...]:
        """Return the shape of its signals; ``size`` is pixels per side, or samples in time."""
        first, *others = self.kind.shape(size)
        return self.channels or first, *others

    def words(self, name: str, size: int) -> str:
        """Describe its signals in words, such as "images of dataset 'faces', 64×64"."""
        sides = self.shape(size)
        return f"{self.kind.noun}s of dataset {name!r}, {'×'.join(map(str, sides[-2:]))}"


def _image(levels: Pixels) -> dict[str, object]:
    from posterity.artifacts import images

    return images.encode(_unit(levels))


def _unit(levels: NDArray[Any]) -> Tensor:
    """Convert 8-bit pixels (H, W, C) to (C, H, W) in [-1, 1]."""
    import torch

    return torch.from_numpy(levels.copy()).permute(2, 0, 1).double() / 127.5 - 1


def _number(id: str) -> int:
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8])


def split(subject: str) -> str:
    """Return "test" for every fifth subject on average, by a hash of the subject alone, independent of other items.

    Arguments:
        subject: what an item shows; its id if no other item shows the same.
    """
    return "test" if _number(subject) % 5 == 0 else "prior"


def alternate_split(ids: Sequence[str]) -> dict[str, str]:
    """Split half "test", half "prior" in the order of the ids' hashes, for datasets too small for a random split."""
    return {id: ("test", "prior")[k % 2] for k, id in enumerate(sorted(ids, key=_number))}


def shuffled(ids: Iterable[str]) -> list[str]:
    """Sort ids by their hashes, so that the first n don't depend on the order of the files."""
    return sorted(ids, key=_number)
