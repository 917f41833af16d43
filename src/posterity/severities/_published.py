"""The severity encoders that Fabian et al. 2023 published: latent diffusion's encoder, trained further, and a head.

ẑ = quant_conv(enc(y)) before the code book, and v̂ is the mean square of a 1 × 1 convolution of ẑ (App. A). They were
trained on all entries of y: hidden ones are black and have noise, as in the authors' measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posterity.diffusion.noise import generator
from posterity.priors.autoencoders import networks
from posterity.priors.autoencoders.network import state_shape
from posterity.priors.checkpoints import read
from posterity.priors.checkpoints._renaming import Renaming
from posterity.priors.checkpoints.first_stage import FirstStage
from posterity.priors.loading import build, fill

__all__ = ["SUFFIX", "Published", "filled", "load"]

SUFFIX = ".ckpt"
_BATCH = 8
"""Measurements at a time: activations of a 256×256 image take 34 MB a layer."""


@dataclass(frozen=True)
class Published:
    """A published encoder; ``task`` is empty, since its file does not say in our words what it was trained for."""

    network: nn.Module
    signal_shape: tuple[int, ...]
    state_shape: tuple[int, ...]
    task: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map measurements (B, *signal), hidden entries filled, to ẑ (B, *state) and v̂ (B,), in single precision."""
        with torch.no_grad():
            parts = [self.network(part) for part in y.float().split(_BATCH)]
        z, v = (torch.cat(part) for part in zip(*parts, strict=True))
        return z, v


class _Network(nn.Module):
    def __init__(self, first_stage: Any, components: int) -> None:
        super().__init__()
        self.encoder, self.quant_conv = first_stage.encoder, first_stage.quant_conv
        self.std_conv = nn.Conv2d(components, components, 1)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        z = self.quant_conv(self.encoder(y))
        return z, self.std_conv(z).square().flatten(1).mean(1)


def load(path: Path, layout: FirstStage | None = None) -> Published:
    """Load a published file.

    Arguments:
        path: as published, a Lightning checkpoint of the encoder and its head.
        layout: of the first stage, VQ-f4 by default.

    Raises:
        PosterityError: if it is damaged or something else.
    """
    layout = layout or FirstStage()
    card = layout.card()
    first_stage = build(card["architecture"], str(path), card["family"], networks.REGISTRY)
    with torch.device("meta"):
        network = _Network(first_stage, layout.components)
    signal = tuple(card["signal_shape"])
    states = state_shape(first_stage, card["family"], signal)
    r = Renaming(read(path), str(path))
    layout.move_encoder(r)
    r.move({"std_conv": "std_conv"})
    fill(network, r.finish(), str(path))
    return Published(network.eval().requires_grad_(False), signal, states)


def filled(y: Tensor, measured: Tensor, sigma_y: float, items: Tensor) -> Tensor:
    """Return y (B, *signal) with -1 + σ_y ξ where it is hidden (``measured`` is 0); ξ depends on the item alone."""
    if bool(measured.all()):
        return y
    drawn = [generator(0, "hidden", int(item)).standard_normal(tuple(y.shape[1:])) for item in items.tolist()]
    noise = torch.from_numpy(np.stack(drawn)).to(y)
    return torch.where(measured.bool(), y, sigma_y * noise - 1)
