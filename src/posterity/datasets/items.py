"""The parts of a prepared data set."""

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
        id: unique in its data set.
        name: for people.
        group: what a blockwise prior must not mix (base colour, skin tone).
        split: "prior" or "test".
        attributes: what can be seen.
        signal: of an image its pixels (H, W, 3) or, in grey, (H, W, 1) in eight bits, else the values (leads, time) in
            the kind's unit.
        regions: masks (H, W) of this item alone, true inside.
        subject: what the item shows; items of one subject are on the same side of the split. Empty: the item is
            the only one of its subject.
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
    """Items of one kind of signals, the regions that all of them share (masks (H, W), true inside) and the licence."""

    items: Sequence[Item]
    license: str
    regions: dict[str, Mask] = field(default_factory=dict)
    kind: Kind = field(default_factory=lambda: signals.find("image"))

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        """Return rows of the artifact "items"."""
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
        """Return rows of the artifact "regions", those of all items first; white is inside."""
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
    """The facts about a data set that are known before it is prepared.

    Arguments:
        most: test items that it has at most.
        splits: those that its items are in.
        regions: size in pixels → the masks that all items share.
        own: names of masks that every item has of its own.
        labels: split and attributes of every item, where they are known; else None.
        described: whether items differ in what their attributes say.
        kind: of its signals.
        channels: of its images, where they are not the three of colour.
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
        """Return the shape of its signals, whose ``size`` is pixels a side or samples in time."""
        first, *others = self.kind.shape(size)
        return self.channels or first, *others

    def words(self, name: str, size: int) -> str:
        """Say what signals the dataset has, such as "images of dataset 'faces', 64×64"."""
        sides = self.shape(size)
        return f"{self.kind.noun}s of dataset {name!r}, {'×'.join(map(str, sides[-2:]))}"


def _image(levels: Pixels) -> dict[str, object]:
    from posterity.artifacts import images

    return images.encode(_unit(levels))


def _unit(levels: NDArray[Any]) -> Tensor:
    """(H, W, C) in eight bits → (C, H, W) in [-1, 1]."""
    import torch

    return torch.from_numpy(levels.copy()).permute(2, 0, 1).double() / 127.5 - 1


def _number(id: str) -> int:
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8])


def split(subject: str) -> str:
    """ "test" for every fifth subject on average, by a hash of the subject alone: other items cannot change it.

    Arguments:
        subject: what an item shows; its id where no other item shows the same.
    """
    return "test" if _number(subject) % 5 == 0 else "prior"


def alternate_split(ids: Sequence[str]) -> dict[str, str]:
    """Half "test", half "prior", in the order of the ids' hashes: for data sets too small for chance."""
    return {id: ("test", "prior")[k % 2] for k, id in enumerate(sorted(ids, key=_number))}


def shuffled(ids: Iterable[str]) -> list[str]:
    """Sort by the hashes of the ids: the first n are a choice that does not depend on the order of the files."""
    return sorted(ids, key=_number)
