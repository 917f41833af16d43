"""Train a classifier, one step at a time; each step is a function of its number.

The loss is the binary cross-entropy of every class, since a record may have several. A step sees a random crop of each
of its records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from posterity.classifiers._inputs import TWELVE, moments, standardised
from posterity.classifiers._network import BLOCKS, Network
from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.priors.descent import Descent

__all__ = ["Trainer", "Training"]


@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Training:
    """The settings of a classifier's training."""

    steps: int = Field(13600, ge=1, description="optimiser steps")
    batch: int = Field(128, ge=2, description="records per step")
    crop: int = Field(250, ge=32, description="samples of a record that the network sees at once")
    stride: int = Field(125, ge=1, description="samples between two windows of a record that is classified")
    width: int = Field(64, ge=2, multiple_of=2, description="channels of a block's convolution over time")
    blocks: tuple[int, ...] = Field(BLOCKS, min_length=1, description="blocks of each stage")
    hidden: int = Field(128, ge=1, description="units of the hidden layer")
    threshold: Literal["youden", "f1"] = Field(
        "youden", description="criterion that a class's threshold maximises: Youden's index or F1"
    )
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate: linear warm-up, then cosine decay to 0")
    warm_up: int = Field(100, ge=0, description="steps until the learning rate is at its peak")
    decay: float = Field(0.0, ge=0, description="weight decay of AdamW; without it this is Adam")
    clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")
    seed: int = Field(0, ge=0)

    @property
    def average(self) -> float:
        """Return 0: the last weights are kept, which is what the running moments of normalisations belong to."""
        return 0.0


@dataclass
class Trainer(Descent):
    """A classifier in training.

    A step depends on its number, the seed and the state alone, so interrupted training ends with the same weights (on
    the same CPU with the same number of threads).

    Arguments:
        signals: (N, 8, time) in mV.
        weights: sampling weight of each signal, (N,), not necessarily normalised.
        labels: bool, (N, classes).
        how: the settings.
        device: where it is trained.

    Raises:
        PosterityError: if the signals are shorter than a crop, or constant.
    """

    signals: Tensor
    weights: Tensor
    labels: Tensor
    how: Training
    device: torch.device

    def __post_init__(self) -> None:
        how, length = self.how, self.signals.shape[-1]
        if length < how.crop:
            raise PosterityError(f"training setting crop = {how.crop}: the records have {length} samples")
        if not all(n > 0 for n in how.blocks):
            raise PosterityError(f"training setting blocks = {how.blocks}: each stage has a block at least")
        self.mean, self.deviation = moments(self.signals)
        if self.deviation == 0:
            raise PosterityError("the training records are constant, so that there is nothing to learn")
        with torch.random.fork_rng():
            torch.manual_seed(how.seed)
            network = Network(TWELVE, self.labels.shape[1], how.width, how.blocks, how.hidden)
        super().__init__(
            network.to(self.device), torch.optim.AdamW, self.signals, self.weights, how, weight_decay=how.decay
        )

    def advance(self) -> float:
        """Take one step; return its loss."""
        how = self.how
        rng = generator(how.seed, "train classifier", self.step)
        chosen = self.choose(rng)
        begins = rng.integers(self.signals.shape[-1] - how.crop + 1, size=how.batch)
        crops = [self.signals[row, :, at : at + how.crop] for row, at in zip(chosen, begins, strict=True)]
        x = standardised(torch.stack(crops).to(self.device), self.mean, self.deviation)
        wanted = self.labels[chosen].to(x)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(int(rng.integers(2**63)))  # of what is dropped
            logits = self.network(x)
        return self.descend(torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted))

    def state(self) -> dict[str, Tensor]:
        """Return all state besides the settings on which the next step depends, {name: tensor}."""
        return super().state() | {f"buffers/{name}": b.clone() for name, b in self.network.named_buffers()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore a state {name: tensor} returned by :meth:`state`."""
        super().restore(state)
        for name, buffer in self.network.named_buffers():
            buffer.copy_(state[f"buffers/{name}"])
