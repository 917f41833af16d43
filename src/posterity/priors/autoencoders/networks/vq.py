"""`diffusers`' ``VQModel``: the decoder rounds each code to the nearest entry of a code book; the encoder does not.

As in latent diffusion (Rombach et al. 2022, App. D.1) states are codes before rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from posterity.imports import NETWORKS, lean
from posterity.priors.autoencoders.networks._levels import halved

if TYPE_CHECKING:
    from posterity.priors.autoencoders.training import Training

__all__ = ["CALLED", "architecture", "begin", "build", "decode", "encode", "learn"]

CALLED = "VQModel"


def architecture(how: Training, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments of ``diffusers.VQModel`` for images of this shape.

    Raises:
        PosterityError: if the sides cannot be halved as often as the settings require.
    """
    return halved(how, shape) | {"num_vq_embeddings": how.codes, "vq_embed_dim": how.components}


def build(**arguments: Any) -> nn.Module:
    with lean((), NETWORKS):
        from diffusers.models.autoencoders.vq_model import VQModel

    made: nn.Module = VQModel(**arguments)
    return made


def begin(network: Any, images: Tensor) -> None:
    """Initialise the book with codes of the images: most entries of a random book are never the nearest."""
    book = network.quantize.embedding.weight
    with torch.no_grad():
        codes = network.encode(images[:64].float()).latents.movedim(1, -1).flatten(0, 2)
        book.copy_(codes[torch.linspace(0, len(codes) - 1, len(book)).long()])


def encode(network: Any, x: Tensor) -> Tensor:
    found: Tensor = network.encode(x).latents
    return found


def decode(network: Any, codes: Tensor, quantise: bool) -> Tensor:
    found: Tensor = network.decode(codes, force_not_quantize=not quantise).sample
    return found


def learn(network: Any, x: Tensor, normal: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Return images of rounded codes, and the distance of codes from the book."""
    found = network.decode(network.encode(x).latents)
    return found.sample, found.commit_loss
