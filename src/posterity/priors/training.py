"""Train a network on a set of signals, one step at a time; each step is a function of its number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor, nn

from posterity.diffusion.noise import generator
from posterity.diffusion.schedule import Schedule
from posterity.priors import networks
from posterity.priors._parametrisation import SIGMAS, Parametrisation
from posterity.priors._variance import VarianceLoss
from posterity.priors.conditional import PARTS, Beside, Conditional, masks, mean_square, unit
from posterity.priors.descent import Descent, multiplies_bfloat16
from posterity.priors.network import Network
from posterity.priors.residual import Base

__all__ = ["IN_TIME", "Trainer", "Training"]

IN_TIME = ("sashimi", "unet1d")
"""The families for signals in time."""


@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Training:
    """The settings of a network's training."""

    steps: int = Field(20_000, ge=1, description="optimiser steps")
    batch: int = Field(64, ge=1, description="images per step")
    family: Literal["sashimi", "unet1d", "unet2d"] = Field(
        "unet2d", description="unet2d for images; unet1d or sashimi for signals in time"
    )
    prediction: Literal["epsilon", "v", "edm"] = Field("epsilon", description="what the network predicts")
    learned_variance: bool = Field(False, description="epsilon and v: also predict the reverse step's variance")
    schedule: Literal["linear", "cosine"] = Field("linear", description="noise schedule of the prior, with 1000 times")
    sigma_data: float = Field(0.5, gt=0, description="edm: standard deviation of the data")
    log_sigma_mean: float = Field(-1.2, description="edm: mean of ln σ in training")
    log_sigma_std: float = Field(1.2, gt=0, description="edm: standard deviation of ln σ in training")
    channels: tuple[int, ...] = Field((64, 128, 192), min_length=1, description="channels at each resolution")
    layers: int = Field(2, ge=1, description="residual blocks per resolution")
    attention: tuple[int, ...] = Field((8,), description="resolutions with self-attention")
    head: int = Field(32, ge=1, description="channels of an attention head")
    groups: int = Field(8, ge=1, description="groups of the group normalisation")
    patch: int = Field(4, ge=1, description="unet1d: samples per position at the highest resolution")
    crop: int | None = Field(None, ge=8, description="in time: length in samples of random crops of longer signals")
    residual: bool = Field(
        False, description="in time with edm: predict the residual of the data's stationary Gaussian"
    )
    condition: Literal["missing_block", "missing_block_per_lead"] | None = Field(
        None,
        description="in time, a prior of kind conditional: restore a half that is missing in all leads, or one drawn "
        "for each lead, given the rest",
    )
    pool: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, description="sashimi: samples joined from each resolution to the next, each 2 if absent"
    )
    states: int = Field(32, ge=1, description="sashimi: complex states of a channel in each direction")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate: linear warm-up, then cosine decay to 0")
    warm_up: int = Field(500, ge=0, description="steps until the learning rate is at its peak")
    clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")
    average: float = Field(0.999, ge=0, lt=1, description="decay of the exponential moving average of the weights")
    flip: bool = Field(True, description="augment with mirrored images")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _has_reverse_steps(self) -> Self:
        if self.learned_variance and self.prediction == "edm":
            raise ValueError("learned_variance = true: an EDM network has no reverse steps; predict epsilon or v")
        for key in ("crop", "residual", "condition"):
            if getattr(self, key) and self.family not in IN_TIME:
                raise ValueError(f"{key} is for signals in time; set family: unet1d or sashimi, or leave it out")
        if self.pool is not None and self.family != "sashimi":
            raise ValueError(f"pool is of a sashimi, not of a {self.family}; leave it out")
        if self.residual and self.prediction != "edm":
            raise ValueError(f"residual = true: needs prediction edm, not {self.prediction}")
        for key in ("residual", "learned_variance"):
            if self.condition and getattr(self, key):
                raise ValueError(f"{key} = true: a network with a condition predicts means alone; leave one out")
        return self

    @property
    def parts(self) -> int:
        """The channels of the network's input for each of the signal's."""
        return PARTS if self.condition else 2 if self.residual else 1

    def architecture(self, channels: int, size: int) -> dict[str, Any]:
        """Return the network's arguments for images (channels, size, size) or signals (channels, size)."""
        found: dict[str, Any] = networks.REGISTRY.module(self.family).architecture(self, channels, size)
        return found

    def noise_schedule(self) -> Schedule:
        return Schedule.cosine() if self.schedule == "cosine" else Schedule.linear()


@dataclass
class Trainer(Descent):
    """A network in training.

    A step depends on its number, the seed and the state alone: images, mirroring, noise levels and noise
    are drawn by (seed, step). A trainer that restores another's state therefore ends with exactly the same
    weights (on the same CPU with the same number of threads).

    Arguments:
        network: a freshly initialised network.
        images: (N, C, H, W) in [-1, 1], or states of images, or signals (N, C, T).
        weights: sampling weight of each image, (N,), not necessarily normalised.
        how: the settings.
        base: the Gaussian whose residual is learned; estimated from ``images`` if the settings require one.
        mirrored: the mirror image of each of ``images``, (N, C, H, W); needed only where that is not the row flipped,
            as for states of images.
    """

    network: nn.Module
    images: Tensor
    weights: Tensor
    how: Training
    base: Base | None = None
    mirrored: Tensor | None = None

    def __post_init__(self) -> None:
        super().__init__(self.network, torch.optim.Adam, self.images, self.weights, self.how)
        self.shape = (*self.images.shape[1:-1], self.how.crop or self.images.shape[-1])
        if self.how.residual and self.base is None:
            self.base = Base.estimate(self.images, self.shape[-1], self.how.sigma_data)
        schedule = self.how.noise_schedule()
        self._alpha_bars = torch.tensor([schedule.alpha_bar(t) for t in range(len(schedule))], dtype=torch.float64)
        self._variance_loss = VarianceLoss(schedule) if self.how.learned_variance else None

    def advance(self) -> float:
        """Take one step; return its loss: the mean square error of the prediction, plus that of a learned variance."""
        how = self.how
        rng = generator(how.seed, "train", self.step)
        chosen = self.choose(rng)
        x0 = self.images[chosen].double()
        turned = x0.flip(-1) if self.mirrored is None else self.mirrored[chosen].double()
        flips = torch.from_numpy(rng.random(how.batch) < 0.5) & how.flip
        x0 = torch.where(flips.view(-1, *[1] * (x0.ndim - 1)), turned, x0)
        x0 = self._cropped(x0, rng)
        return self.descend(self._loss(self.network.train(), x0, rng))

    def _cropped(self, x0: Tensor, rng: np.random.Generator) -> Tensor:
        """Return a random crop of each signal, (B, C, T) → (B, C, crop)."""
        length = self.shape[-1]
        if length == x0.shape[-1]:
            return x0
        starts = torch.from_numpy(rng.integers(0, x0.shape[-1] - length + 1, len(x0)))
        places = (starts[:, None] + torch.arange(length))[:, None].expand(-1, x0.shape[1], -1)
        return x0.gather(2, places)

    @torch.no_grad()
    def held_out(self, images: Tensor, draws: int = 4, alone: bool = False) -> float:
        """Return the loss of the averaged weights on held-out images, over fixed levels and noise.

        Arguments:
            images: (N, *signal).
            draws: draws of levels and noise per image.
            alone: for a residual network, the loss of the Gaussian alone.
        """
        rng = generator(self.how.seed, "held out")
        network = _Nothing() if alone else self.prior().network
        batches = [part for _ in range(draws) for part in images.double().split(self.how.batch)]
        losses = [float(self._loss(network, self._cropped(part, rng), rng)) * len(part) for part in batches]
        return sum(losses) / (draws * len(images))

    def _loss(self, network: nn.Module, x0: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the scalar loss of x0 (B, *signal), over noise levels and noise from ``rng``."""
        how, count = self.how, len(x0)
        # stratified: one level per equal part of the range, uniform overall with less variance
        places = torch.from_numpy((np.arange(count) + rng.random(count)) / count)
        z = torch.from_numpy(rng.standard_normal(x0.shape))
        t = (1000 * places).long()
        if how.prediction == "edm":
            quantile = math.sqrt(2) * torch.erfinv(2 * places.clamp(1e-6, 1 - 1e-6) - 1)
            sigma = (how.log_sigma_mean + how.log_sigma_std * quantile).exp().clamp(*SIGMAS)
            alpha_bar = 1 / (1 + sigma.square())
        else:
            alpha_bar = self._alpha_bars[t]
        keep = masks(how.condition, x0.shape, rng).to(self.device, torch.float32) if how.condition else None
        if keep is not None:
            seen = unit(how.prediction, how.sigma_data) * x0
            network = Beside(network, seen.to(keep), keep)
        prediction = Parametrisation.of(how.prediction, alpha_bar, t, how.sigma_data)
        rows = (-1, *[1] * (x0.ndim - 1))
        x_t = alpha_bar.sqrt().view(rows) * x0 + (1 - alpha_bar).sqrt().view(rows) * z
        if self.base is None:
            example = prediction.scale.view(rows) * x_t, prediction.target(x0, x_t), prediction.label
        else:
            shown, expected, error = self.base.around(x_t, alpha_bar, prediction.scale)
            example = shown, (x0 - expected) / error.view(rows), prediction.label
        given, wanted, label = (part.to(self.device, torch.float32) for part in example)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=multiplies_bfloat16(self.device)):
            found = network(given, label, return_dict=False)[0].float()
        if self._variance_loss is None:
            return mean_square(found - wanted, keep)
        found, fraction = found.chunk(2, dim=1)
        error = prediction.out.view(rows).to(found) * (found - wanted)
        return (found - wanted).square().mean() + self._variance_loss(t, error, fraction)

    def prior(self) -> Network | Conditional:
        """Return the averaged weights as a prior."""
        how = self.how
        made = Network(
            self.averaged(), how.noise_schedule(), self.shape, how.prediction, how.sigma_data, how.learned_variance,
            base=self.base and self.base.to(self.device),
        )  # fmt: skip
        return Conditional(made, unit(how.prediction, how.sigma_data)) if how.condition else made


class _Nothing(nn.Module):
    """Adds nothing to the Gaussian."""

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = False) -> tuple[Tensor]:  # noqa: ARG002
        return (x.new_zeros(len(x), x.shape[1] // 2, *x.shape[2:]),)
