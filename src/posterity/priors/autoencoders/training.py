"""Train an autoencoder, one step at a time; each step is a function of its number.

The loss is the mean absolute and the mean square error of reconstructed images, plus the family's own term: the
divergence of codes from a normal law (kl), their distance from the book (vq), or the excess of their variance over 1
(patches). There is no adversarial and no perceptual loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.priors.augment import seen
from posterity.priors.autoencoders import networks
from posterity.priors.descent import Descent, multiplies_bfloat16

__all__ = ["Trainer", "Training"]


@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Training:
    """The settings of an autoencoder's training."""

    steps: int = Field(6000, ge=1, description="optimiser steps")
    batch: int = Field(8, ge=1, description="images per step")
    family: Literal["kl", "patches", "vq"] = Field(
        "patches", description="network: `diffusers`' AutoencoderKL or VQModel, or a small one on patches"
    )
    components: int = Field(4, ge=1, description="channels of a state")
    patch: int = Field(4, ge=1, description="patches: side of a patch in pixels; each patch is a position of a state")
    width: int = Field(64, ge=8, multiple_of=8, description="patches: channels")
    encoder_blocks: int = Field(3, ge=0, description="patches: residual blocks of the encoder")
    decoder_blocks: int = Field(6, ge=0, description="patches: residual blocks of the decoder")
    channels: tuple[int, ...] = Field((32, 64), min_length=1, description="kl, vq: channels at each resolution")
    layers: int = Field(1, ge=1, description="kl, vq: residual blocks per resolution")
    groups: int = Field(8, ge=1, description="kl, vq: groups of the group normalisation")
    codes: int = Field(512, ge=2, description="vq: codes in the book")
    square_weight: float = Field(1.0, ge=0, description="weight of the mean square error, relative to the absolute one")
    code_weight: float = Field(1e-3, ge=0, description="weight of the family's own term")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate: linear warm-up, then cosine decay to 0")
    warm_up: int = Field(100, ge=0, description="steps until the learning rate is at its peak")
    clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")
    average: float = Field(0.99, ge=0, lt=1, description="decay of the exponential moving average of the weights")
    augment: Literal["none", "mirror", "all"] = Field(
        "all", description="augmentation: none, mirrored, or also turned by quarters and recoloured"
    )
    seed: int = Field(0, ge=0)

    def architecture(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Arguments of the network of this family for images (C, H, W)."""
        found: dict[str, Any] = networks.REGISTRY.module(self.family).architecture(self, shape)
        return found


@dataclass
class Trainer(Descent):
    """An autoencoder in training.

    A step depends on its number, the seed and the state alone, so interrupted training ends with the same weights (on
    the same CPU with the same number of threads).

    Arguments:
        images: (N, C, H, W) in [-1, 1].
        weights: sampling weight of each image, (N,), not necessarily normalised.
        how: the settings.
        device: where it is trained.
    """

    images: Tensor
    weights: Tensor
    how: Training
    device: torch.device

    def __post_init__(self) -> None:
        self._family = networks.REGISTRY.module(self.how.family)
        arguments = self.how.architecture(tuple(self.images.shape[1:]))
        with torch.random.fork_rng():
            torch.manual_seed(self.how.seed)
            network = self._family.build(**arguments)
        self._family.begin(network, self.images)
        network.to(self.device).to(memory_format=torch.channels_last)
        super().__init__(network, torch.optim.Adam, self.images, self.weights, self.how)

    def advance(self) -> float:
        """Take one step; return its loss."""
        how = self.how
        rng = generator(how.seed, "train autoencoder", self.step)
        x = torch.stack([seen(one, how.augment, rng) for one in self.draw(rng)]).to(self.device)

        def normal(like: Tensor) -> Tensor:
            return torch.from_numpy(rng.standard_normal(tuple(like.shape))).to(like)

        with torch.autocast(self.device.type, torch.bfloat16, enabled=multiplies_bfloat16(self.device)):
            found, rest = self._family.learn(self.network, x, normal)
        error = found.float() - x
        loss = error.abs().mean() + how.square_weight * error.square().mean() + how.code_weight * rest
        return self.descend(loss)
