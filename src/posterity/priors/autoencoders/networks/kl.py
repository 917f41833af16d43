"""`diffusers`' ``AutoencoderKL``: codes are random in training; afterwards their mean is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from posterity.imports import NETWORKS, lean
from posterity.priors.autoencoders.networks._levels import halved

if TYPE_CHECKING:
    from posterity.priors.autoencoders.training import Training

__all__ = ["CALLED", "architecture", "begin", "build", "decode", "encode", "learn"]

CALLED = "AutoencoderKL"


def architecture(how: Training, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments of ``diffusers.AutoencoderKL`` for images of this shape.

    Raises:
        PosterityError: if the sides cannot be halved as often as the settings require.
    """
    return halved(how, shape)


def build(**arguments: Any) -> nn.Module:
    with lean((), NETWORKS):
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    made: nn.Module = AutoencoderKL(**arguments)
    return made


def begin(network: Any, images: Tensor) -> None:
    """Leave a fresh network as it is."""


def encode(network: Any, x: Tensor) -> Tensor:
    found: Tensor = network.encode(x).latent_dist.mode()
    return found


def decode(network: Any, codes: Tensor, quantise: bool) -> Tensor:  # noqa: ARG001 - there is no code book
    found: Tensor = network.decode(codes).sample
    return found


def learn(network: Any, x: Tensor, normal: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return images of random codes, and the KL divergence of their law from N(0, I), averaged over entries."""
    law = network.encode(x).latent_dist
    codes = law.mean + law.std * normal(law.mean)
    divergence = (law.mean.square() + law.var - 1 - law.logvar).mean() / 2
    return network.decode(codes).sample, divergence
