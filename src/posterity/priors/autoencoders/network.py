"""Autoencoder networks from files: safetensors, described by card.json in the same folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posterity.errors import PosterityError
from posterity.priors import loading
from posterity.priors.autoencoders import networks
from posterity.priors.autoencoders.base import Autoencoder
from posterity.priors.card import beside, require_same

__all__ = ["KIND", "NetworkAutoencoder", "load", "state_shape"]

KIND = "network"
_NEEDED: Mapping[str, type] = {
    "family": str, "architecture": dict, "signal_shape": list, "state_shape": list, "scale": float, "weights": dict,
}  # fmt: skip


class NetworkAutoencoder(Autoencoder):
    """D(z) = decoder(z/s) and E(x) = s·encoder(x), computed in the network's precision, returned in the input's.

    The network is frozen: gradients reach z and x, but no weight. Evaluations with gradients may omit the code book
    (:attr:`quantise_in_guidance`); final signals are always decoded with it.

    Arguments:
        network: the network with its weights.
        family: a name of :data:`posterity.priors.autoencoders.networks.REGISTRY`.
        signal_shape: (C, H, W).
        scale: s > 0, the factor from the network's codes to states; states have a standard deviation of 1.
        quantise_in_guidance: whether evaluations with gradients also use the code book, if the family has one;
            gradients pass straight through it.
    """

    def __init__(
        self,
        network: nn.Module,
        family: str,
        signal_shape: tuple[int, ...],
        scale: float,
        quantise_in_guidance: bool = True,
    ) -> None:
        if not (0 < scale < math.inf):
            raise PosterityError(f"an autoencoder's scale {scale!r} is not a positive number")
        self._family = networks.REGISTRY.module(family)
        self.network = network.eval().requires_grad_(False)
        self.signal_shape, self.scale = tuple(signal_shape), scale
        self.state_shape = state_shape(network, family, self.signal_shape)
        self.quantise_in_guidance = quantise_in_guidance

    def decode(self, z: Tensor, /) -> Tensor:
        quantise = self.quantise_in_guidance or not (z.requires_grad and torch.is_grad_enabled())
        found: Tensor = self._family.decode(self.network, (z / self.scale).to(self._like), quantise)
        return found.to(z)

    def encode(self, x: Tensor, /) -> Tensor:
        found: Tensor = self._family.encode(self.network, x.to(self._like))
        return self.scale * found.to(x)

    @property
    def _like(self) -> Tensor:
        return next(self.network.parameters())


def state_shape(network: nn.Module, family: str, signal_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one state, without computing any state.

    Raises:
        PosterityError: if the network cannot encode signals of this shape.
    """
    import copy

    try:
        x = torch.empty(1, *signal_shape, device="meta")
        codes: Tensor = networks.REGISTRY.module(family).encode(copy.deepcopy(network).to("meta"), x)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise PosterityError(f"signals of shape {signal_shape} cannot be encoded by this network ({reason})") from error
    return tuple(codes.shape[1:])


def load(weights: Path, device: torch.device | str = "cpu", quantise_in_guidance: bool = True) -> NetworkAutoencoder:
    """Return the autoencoder in ``weights`` (safetensors) that card.json in the same folder describes, in float32.

    Raises:
        PosterityError: if a file is missing, damaged or of another kind.
    """
    card = card_of(weights)
    state = loading.read(weights)
    require_same(weights, card)
    network = loading.build(card["architecture"], str(weights), card["family"], networks.REGISTRY)
    loading.fill(network, state, str(weights))
    made = NetworkAutoencoder(
        # the fastest layout for convolutions, also on a CPU
        network.to(device).to(memory_format=torch.channels_last),
        card["family"],
        tuple(card["signal_shape"]),
        card["scale"],
        quantise_in_guidance,
    )
    if list(made.state_shape) != card["state_shape"]:
        told = f"states of shape {tuple(card['state_shape'])}, the network makes {made.state_shape}"
        raise PosterityError(f"{weights.with_name('card.json')}: tells of {told}")
    return made


def card_of(weights: Path) -> dict[str, Any]:
    """Return the card, which must hold everything that an autoencoder needs.

    Raises:
        PosterityError: if it is missing or not a card of an autoencoder.
    """
    card, path = (
        beside(weights, "`posterity train-autoencoder --help` tells how it is made"),
        weights.with_name("card.json"),
    )
    wrong = [key for key, kind in _NEEDED.items() if not isinstance(card, dict) or not isinstance(card.get(key), kind)]
    if wrong:
        raise PosterityError(f"{path} is no card of an autoencoder: {', '.join(wrong)} missing or of another type")
    for key in ("signal_shape", "state_shape"):
        if {type(n) for n in card[key]} != {int}:
            raise PosterityError(f"{path}: {key} is {card[key]!r:.60}, expected whole numbers")
    found: dict[str, Any] = card
    return found
