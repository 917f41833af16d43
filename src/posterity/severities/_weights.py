"""Files of severity encoders: safetensors, and a card that records what they were trained for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posterity.errors import PosterityError
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.card import beside
from posterity.priors.loading import fill, read
from posterity.severities._network import Network

__all__ = ["Trained", "load", "packed"]

_NEEDED: Mapping[str, type] = {
    "signal_shape": list, "state_shape": list, "width": int, "blocks": int, "head": str, "task": dict, "weights": dict,
}  # fmt: skip
_OF_AUTOENCODER = "autoencoder."


@dataclass(frozen=True)
class Trained:
    """A trained encoder.

    Arguments:
        network: computes ẑ and v̂ from measurements and their codes.
        autoencoder: the autoencoder whose states are estimated; None where states are signals.
        task: operator and noise it was trained for.
        signal_shape, state_shape: shapes of one measurement and one estimate.
    """

    network: nn.Module
    autoencoder: PatchPCA | None
    task: Mapping[str, Any]
    signal_shape: tuple[int, ...]
    state_shape: tuple[int, ...]

    def encode(self, y: Tensor) -> Tensor:
        """Encode measurements, (B, *signal) → (B, *state)."""
        return y if self.autoencoder is None else self.autoencoder.encode(y)

    def __call__(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map measurements (B, *signal), hidden entries 0, to ẑ (B, *state) and v̂ (B,), in single precision."""
        y = y.float()
        with torch.no_grad():
            z, v = self.network(y, self.encode(y))
        return z, v


def packed(network: nn.Module, autoencoder: PatchPCA | None) -> dict[str, Tensor]:
    """Return {name: tensor} to store: the network in half precision, and the autoencoder of its states."""
    out = {name: p.detach().half().contiguous() for name, p in network.state_dict().items()}
    if autoencoder is None:
        return out
    named = {"matrix": autoencoder.matrix, "centre": autoencoder.centre}
    return out | {_OF_AUTOENCODER + name: value.contiguous() for name, value in named.items()}


def load(weights: Path) -> Trained:
    """Load the encoder in ``weights``, described by card.json in the same folder.

    Raises:
        PosterityError: if a file is missing, damaged or no severity encoder.
    """
    card = _card(weights)
    if hashlib.sha256(weights.read_bytes()).hexdigest() != card["weights"].get("sha256"):
        raise PosterityError(f"{weights} is not the file that its card.json describes; get or train it again")
    tensors = read(weights)
    signal, states = tuple(card["signal_shape"]), tuple(card["state_shape"])
    coder = {k.removeprefix(_OF_AUTOENCODER): tensors.pop(k) for k in list(tensors) if k.startswith(_OF_AUTOENCODER)}
    autoencoder = None
    if coder:
        autoencoder = PatchPCA(coder["matrix"], coder["centre"], card["scale"], signal, card["patch"])
    try:
        with torch.device("meta"):
            network = Network(signal, states, card["width"], card["blocks"], card["head"])
    except (ValueError, ZeroDivisionError, RuntimeError) as error:
        raise PosterityError(f"{weights}: no severity encoder is as its card.json tells ({error})") from error
    fill(network, tensors, str(weights))
    return Trained(network.eval(), autoencoder, card["task"], signal, states)


def _card(weights: Path) -> dict[str, Any]:
    card = beside(weights, "`posterity train-severity --help` tells how it is made")
    wrong = [key for key, kind in _NEEDED.items() if not isinstance(card, dict) or not isinstance(card.get(key), kind)]
    if wrong:
        path = weights.with_name("card.json")
        raise PosterityError(f"{path} is no card of a severity encoder: {', '.join(wrong)} missing or of another type")
    found: dict[str, Any] = card
    return found
