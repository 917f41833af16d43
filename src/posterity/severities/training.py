"""Train a severity encoder, one step at a time; each step is a function of its number.

Fabian et al. 2023, Eq. 2 and App. A: with the error e = ẑ - E(x) of d entries, v̄ its variance, and n pixels, it is

    ‖e‖²/d + λ_σ (v̄ - v̂)² + λ_im ‖x - D(ẑ)‖²/n,

where v̄ is not detached, so the second term has a gradient in ẑ too. Operators and noise are drawn anew for every image
in every step. The authors' code sums the last term over the batch and averages the others: ``image_reduction``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.operators.build import build, draw
from posterity.priors.augment import seen
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.descent import Descent
from posterity.severities._network import Network

__all__ = ["Trainer", "Training", "loss", "measure"]


@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Training:
    """The settings of a severity encoder's training."""

    steps: int = Field(2000, ge=1, description="optimiser steps")
    batch: int = Field(32, ge=1, description="images per step")
    width: int = Field(
        32, ge=8, multiple_of=8, description="channels at the states' resolution, twice as many at half of it"
    )
    blocks: int = Field(2, ge=1, description="residual blocks in each of the downward, middle and upward path")
    head: Literal["channels", "states"] = Field(
        "channels", description="v̂ is the mean square of its own channels, or of a 1 × 1 convolution of ẑ"
    )
    variance_weight: float = Field(10.0, ge=0, description="λ_σ, weight of (v̄ - v̂)²")
    image_weight: float = Field(1.0, ge=0, description="λ_im, weight of the decoded estimate's mean square error")
    image_reduction: Literal["mean", "sum_batch"] = Field(
        "mean", description="image term averaged over the batch, or summed as in the authors' code"
    )
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate: linear warm-up, then cosine decay to 0")
    warm_up: int = Field(100, ge=0, description="steps until the learning rate is at its peak")
    decay: float = Field(0.0, ge=0, description="weight decay of AdamW")
    clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")
    average: float = Field(0.99, ge=0, lt=1, description="decay of the exponential moving average of the weights")
    augment: Literal["none", "mirror", "all"] = Field(
        "all", description="augmentation: none, mirrored, or also turned by quarters and recoloured"
    )
    seed: int = Field(0, ge=0)


def measure(task: Mapping[str, Any], x: Tensor, rng: np.random.Generator) -> Tensor:
    """Measure images x (B, *signal), each with its own operator and noise from ``rng``; (B, *signal), hidden entries 0.

    Raises:
        PosterityError: for a task whose masks come with the data set.
    """
    shape = tuple(x.shape[1:])
    drawn = [draw(task, shape, rng) for _ in range(len(x))]
    operator = build(task, shape, {name: torch.cat([one[name] for one in drawn]) for name in drawn[0]})
    y = operator(x.double())
    noise = torch.from_numpy(rng.standard_normal(tuple(y.shape)))
    return operator.where_measured(y) * (y + float(task["sigma_y"]) * noise)


def loss(z: Tensor, v: Tensor, truth: Tensor, x: Tensor, decoded: Tensor, how: Training) -> Tensor:
    """Return the scalar loss of estimates z and truths (B, *state), variances v (B,), x and D(z) (B, *signal)."""
    error = (z - truth).flatten(1)
    image = (x - decoded).square().flatten(1).mean(1)
    image = image.mean() if how.image_reduction == "mean" else image.sum()
    told = (error.var(1) - v).square().mean()
    return error.square().mean() + how.variance_weight * told + how.image_weight * image


@dataclass
class Trainer(Descent):
    """An encoder in training.

    A step depends on its number, the seed and the state alone, so interrupted training ends with the same weights (on
    the same CPU with the same number of threads).

    Arguments:
        images: (N, C, H, W) in [-1, 1].
        weights: sampling weight of each image, (N,), not necessarily normalised.
        autoencoder: the autoencoder of the states; None where states are images.
        task: its settings, with ``operator`` and ``sigma_y``.
        how: the settings.
    """

    images: Tensor
    weights: Tensor
    autoencoder: PatchPCA | None
    task: Mapping[str, Any]
    how: Training

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape[1:])
        states = shape if self.autoencoder is None else tuple(self.autoencoder.state_shape)
        with torch.random.fork_rng():
            torch.manual_seed(self.how.seed)
            network = Network(shape, states, self.how.width, self.how.blocks, self.how.head)
        network.to(memory_format=torch.channels_last)
        super().__init__(network, torch.optim.AdamW, self.images, self.weights, self.how, weight_decay=self.how.decay)

    def advance(self) -> float:
        """Take one step; return its loss."""
        how = self.how
        rng = generator(how.seed, "train severity", self.step)
        # without augmentation, estimates are better on training images than on others, and v̂ would be too small
        x = torch.stack([seen(one, how.augment, rng) for one in self.draw(rng)])
        y = measure(self.task, x, rng).float()
        z, v = self.network(y, self._encoded(y))
        decoded = z if self.autoencoder is None else self.autoencoder.decode(z)
        return self.descend(loss(z, v, self._encoded(x), x, decoded, how))

    def _encoded(self, x: Tensor) -> Tensor:
        return x if self.autoencoder is None else self.autoencoder.encode(x)
