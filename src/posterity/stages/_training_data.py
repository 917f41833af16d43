"""The signals that a training stage trains on and those that it leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.artifacts import signals, store
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.stages._settings import Training

__all__ = ["Data"]


class Data:
    """Training signals (N, *signal) of one kind with their weights, the held-out signals, and their kind."""

    def __init__(self, asked: Training, inputs: Sequence[Path]) -> None:
        import torch

        found = {}
        for path in inputs:
            table = store.read(path, "items")
            found[table["dataset"][0].as_py() if len(table) else ""] = table
        if set(found) != set(asked.datasets):
            wanted = ", ".join(asked.datasets)
            raise PosterityError(f"the inputs are items of {', '.join(found)}, the settings train on {wanted}")
        self._rows: dict[str, tuple[Tensor, list[str]]] = {}
        self._attributes: dict[str, list[list[str]]] = {}
        seen, unseen, weights, self.about = [], [], [], []
        for name, weight in asked.datasets.items():
            content = hashlib.sha256()
            pictures, splits, attributes = [], [], []
            for row in store.rows(found[name]):
                self.kind = signals.kind_of(row["signal"])
                content.update(row["item"].encode() + _bytes(row["signal"]))
                pictures.append(signals.decode(row["signal"], f"item {row['item']} of {name}"))
                splits.append(row["split"])
                attributes.append(row["attributes"] or [])
            stacked = torch.stack(pictures)
            self._rows[name], self._attributes[name] = (stacked, splits), attributes
            mask = torch.tensor([asked.split in ("all", split) for split in splits])
            if not mask.any():
                raise PosterityError(f"dataset {name} has no item of split {asked.split!r}")
            seen.append(stacked[mask])
            unseen.append(stacked[~mask])
            weights.append(torch.full((int(mask.sum()),), float(weight) / int(mask.sum()), dtype=torch.float64))
            self.about.append({"dataset": name, "sha256": content.hexdigest(), "items": int(mask.sum()),
                               "split": asked.split, "weight": weight})  # fmt: skip
        shapes = {tuple(part.shape[1:]) for part in seen}
        if len(shapes) > 1:
            told = ", ".join(map(str, sorted(shapes)))
            raise PosterityError(f"the datasets have {self.kind.noun}s of different shapes: {told}")
        self.seen, self.unseen, self.weights = torch.cat(seen), torch.cat(unseen), torch.cat(weights)
        self._split = asked.split

    def of(self, dataset: str, split: str) -> Tensor:
        """Return the signals of one data set and split ("all": every split) in the order of its items, (N, *signal)."""
        images, splits = self._rows[dataset]
        return images[[split in ("all", own) for own in splits]]

    def attributes(self, dataset: str, split: str) -> list[list[str]]:
        """Return the attributes of the items whose signals :meth:`of` returns."""
        splits = self._rows[dataset][1]
        return [a for a, own in zip(self._attributes[dataset], splits, strict=True) if split in ("all", own)]

    def unseen_of(self, dataset: str) -> Tensor:
        """Return the held-out signals of one data set, (N, *signal)."""
        images, splits = self._rows[dataset]
        return images[[self._split not in ("all", own) for own in splits]]


def _bytes(signal: Mapping[str, Any]) -> bytes:
    """Return the part of a signal that its digest covers."""
    import numpy as np

    content = signal["bytes"]
    return bytes(content) if content is not None else np.asarray(signal["values"], dtype="<f4").tobytes()
