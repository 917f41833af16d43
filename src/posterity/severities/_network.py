"""The network of a severity encoder: from a measurement to an estimate of the state and its error variance.

Fabian et al. 2023, App. A: an encoder outputs the estimate ẑ, and a head s gives v̂ as its mean square. They fine-tune
the autoencoder's encoder; here E is fixed, and a small network initialised to 0 adds a correction. The head is half of
the last convolution's channels, as in the authors' code for autoencoders with mean and variance (``channels``), or a
1 × 1 convolution of ẑ, as in the paper (``states``).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from posterity.errors import PosterityError

__all__ = ["HEADS", "Network"]

HEADS = ("channels", "states")


class _Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x)
        return x + found


class Network(nn.Module):
    """ẑ = E(y) + a correction, and v̂ = mean s².

    Arguments:
        signal_shape: (C, H, W) of measurements.
        state_shape: (k, H/p, W/p), the network's grid; its sides are even.
        width: channels on that grid, a multiple of 8; twice as many at half resolution.
        blocks: residual blocks in each of the downward, middle and upward path.
        head: source of s, ``channels`` or ``states``.
    """

    def __init__(
        self, signal_shape: tuple[int, ...], state_shape: tuple[int, ...], width: int, blocks: int,
        head: Literal["channels", "states"] = "channels",
    ) -> None:  # fmt: skip
        super().__init__()
        channels, height, _ = signal_shape
        states, rows, columns = state_shape
        if width % 8 or rows % 2 or columns % 2:
            raise PosterityError(
                f"a severity encoder of width {width} on states of {rows}x{columns}: the width is a multiple of 8, "
                "the sides are even"
            )
        if head not in HEADS:
            raise PosterityError(f"a severity encoder's head {head!r} is none of {', '.join(HEADS)}")
        self.patch, self.states, self.head = height // rows, states, head
        self.first = nn.Conv2d(channels * self.patch**2, width, 3, padding=1)
        self.down = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.halve = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.middle = nn.Sequential(*(_Block(2 * width) for _ in range(blocks)))
        self.enlarge = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.up = nn.Sequential(*(_Block(width) for _ in range(blocks)), nn.GroupNorm(8, width), nn.SiLU())
        self.last = nn.Conv2d(width, states, 3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)
        self.spread = nn.Conv2d(width if head == "channels" else states, states, 1)

    def forward(self, y: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Map (y (B, *signal), E(y) (B, *state)) to (ẑ (B, *state), v̂ (B,))."""
        x = self.down(self.first(torch.nn.functional.pixel_unshuffle(y, self.patch)))
        x = self.up(x + self.enlarge(self.middle(self.halve(x))))
        z = encoded + self.last(x)
        s = self.spread(x if self.head == "channels" else z)
        return z, s.square().flatten(1).mean(1)
