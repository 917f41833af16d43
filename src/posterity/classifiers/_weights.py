"""Files of classifiers: safetensors, and a card with classes, thresholds and what the signals are scaled by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from posterity.classifiers._inputs import TWELVE, standardised, starts
from posterity.classifiers._network import Network
from posterity.errors import PosterityError
from posterity.priors.card import beside, require_same
from posterity.priors.loading import fill, read
from posterity.signals.ecg import LEADS

__all__ = ["Class", "Trained", "load", "packed"]

_NEEDED: Mapping[str, type] = {
    "classifier": str, "classes": list, "mean": float, "deviation": float, "rate": float, "crop": int, "stride": int,
    "width": int, "blocks": list, "hidden": int, "weights": dict,
}  # fmt: skip
_OF_CLASS = {"name": str, "threshold": float}
_AT_ONCE = 64
"""Windows in a batch."""


@dataclass(frozen=True)
class Class:
    """A class, and the probability from which on a record is said to be of it."""

    name: str
    threshold: float


@dataclass(frozen=True)
class Trained:
    """A trained classifier.

    Arguments:
        name: of the classifier.
        network: gives logits of standardised windows of twelve leads.
        classes: in the order of the network's results.
        mean, deviation: of the training signals, in mV.
        rate: samples per second.
        crop: samples of a window.
        stride: samples between the starts of two windows.
    """

    name: str
    network: nn.Module
    classes: Sequence[Class]
    mean: float
    deviation: float
    rate: float
    crop: int
    stride: int

    @classmethod
    def of(cls, card: Mapping[str, Any], state: Mapping[str, Tensor], file: str) -> Self:
        """Return the classifier that a card describes, with its weights; ``file`` names them in errors."""
        try:
            with torch.device("meta"):
                network = Network(TWELVE, len(card["classes"]), card["width"], card["blocks"], card["hidden"])
        except (ValueError, TypeError, RuntimeError) as error:
            raise PosterityError(f"{file}: no classifier is as its card.json tells ({error})") from error
        fill(network, state, file)
        classes = [Class(one["name"], one["threshold"]) for one in card["classes"]]
        numbers = (card["mean"], card["deviation"], card["rate"], card["crop"], card["stride"])
        return cls(card["classifier"], network.eval(), classes, *numbers)

    def probabilities(self, x: Tensor, rate: float | None = None) -> Tensor:
        """Return the probability of every class, the largest over a record's windows; (N, 8, time) → (N, classes).

        Arguments:
            x: records in mV.
            rate: samples per second.

        Raises:
            PosterityError: for signals of another kind than it was trained on.
        """
        if x.dim() != 3 or x.shape[1] != len(LEADS) or x.shape[2] < self.crop or rate not in (None, self.rate):
            at = "" if rate is None else f" at {rate:g} Hz"
            wanted = f"({len(LEADS)}, {self.crop} or more) at {self.rate:g} Hz"
            raise PosterityError(
                f"classifier {self.name!r} reads ECGs of shape {wanted}, not signals of shape {tuple(x.shape[1:])}{at}"
            )
        begins = starts(x.shape[2], self.crop, self.stride)
        device = next(self.network.parameters()).device
        windows = torch.stack([x[:, :, at : at + self.crop] for at in begins], 1).flatten(0, 1)
        with torch.no_grad():
            found = [
                self.network(standardised(part.float().to(device), self.mean, self.deviation)).sigmoid().cpu()
                for part in windows.split(_AT_ONCE)
            ]
        return torch.cat(found).unflatten(0, (len(x), len(begins))).amax(1)


def packed(network: nn.Module) -> dict[str, Tensor]:
    """Return {name: tensor} to store: weights and running moments in half precision."""
    state = network.state_dict()
    return {k: (v.detach().half() if v.is_floating_point() else v).cpu().contiguous() for k, v in state.items()}


def load(weights: Path) -> Trained:
    """Load the classifier in ``weights``, described by card.json in the same folder.

    Raises:
        PosterityError: if a file is missing, damaged or no classifier.
    """
    card = beside(weights, "`posterity train-classifier --help` tells how it is made")
    wrong = [key for key, kind in _NEEDED.items() if not isinstance(card, dict) or not isinstance(card.get(key), kind)]
    if not wrong and not all(_is_class(one) for one in card["classes"]):
        wrong = ["classes"]
    if wrong:
        path = weights.with_name("card.json")
        raise PosterityError(f"{path} is no card of a classifier: {', '.join(wrong)} missing or of another type")
    require_same(weights, card)
    return Trained.of(card, read(weights), str(weights))


def _is_class(one: Any) -> bool:
    return isinstance(one, dict) and all(isinstance(one.get(key), kind) for key, kind in _OF_CLASS.items())
