"""A U-Net along time for signals (channels, time), on patches of a few samples.

A patch of ``patch`` samples of all channels is one position, so most computation runs at a fraction of the sampling
rate; every level halves it again. Blocks are residual, with scale and shift of the second normalisation conditioned on
the noise level (Nichol and Dhariwal 2021, Sec. 3), and optional self-attention.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention, silu

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.priors.training import Training

__all__ = ["CALLED", "UNet1d", "architecture", "build"]

CALLED = "UNet1d"


def architecture(how: Training, channels: int, size: int) -> dict[str, Any]:
    """Return the arguments of :class:`UNet1d` for signals (channels, size).

    Raises:
        PosterityError: if the length is not a multiple of patch and halvings, or for a learned variance.
    """
    step = how.patch << len(how.channels) - 1
    if size % step:
        raise PosterityError(f"signals of {size} samples are no multiple of {step}, a patch at the lowest resolution")
    if how.learned_variance:
        raise PosterityError("learned_variance = true: a unet1d predicts means alone; leave it out")
    return {
        "in_channels": channels * how.parts,
        "out_channels": channels,
        "patch": how.patch,
        "channels": list(how.channels),
        "layers": how.layers,
        "attention": [size // how.patch >> level in how.attention for level in range(len(how.channels))],
        "head": how.head,
        "groups": how.groups,
    }


def build(**arguments: Any) -> nn.Module:
    return UNet1d(**arguments)


class UNet1d(nn.Module):
    """F(x, label): (B, in_channels, time) and labels (B,) → (B, out_channels, time); 0 with fresh weights.

    Arguments:
        in_channels: channels of x.
        out_channels: channels of the output.
        patch: samples per position; time must be a multiple of patch · 2^(levels - 1).
        channels: channels at each resolution.
        layers: residual blocks at each resolution; the upward path has one more.
        attention: for each resolution, whether its blocks have attention.
        head: channels of an attention head.
        groups: groups of the group normalisations.
    """

    def __init__(
        self, in_channels: int, out_channels: int, patch: int, channels: Sequence[int], layers: int,
        attention: Sequence[bool], head: int, groups: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.patch, self.width, time = patch, channels[0], 4 * channels[0]
        self.time = nn.Sequential(nn.Linear(self.width, time), nn.SiLU(), nn.Linear(time, time))
        self.first = nn.Conv1d(in_channels * patch, channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        here, beside = channels[0], [channels[0]]
        for level, (width, attends) in enumerate(zip(channels, attention, strict=True)):
            for _ in range(layers):
                self.down.append(_Block(here, width, time, groups, head if attends else 0))
                here = width
                beside.append(here)
            if level < len(channels) - 1:
                self.down.append(_Down(here))
                beside.append(here)
        self.middle = nn.ModuleList(_Block(here, here, time, groups, h) for h in (head, 0))
        for level, (width, attends) in reversed(list(enumerate(zip(channels, attention, strict=True)))):
            for _ in range(layers + 1):
                self.up.append(_Block(here + beside.pop(), width, time, groups, head if attends else 0))
                here = width
            if level:
                self.up.append(_Up(here))
        last = _zero(nn.Conv1d(here, out_channels * patch, 3, padding=1))
        self.last = nn.Sequential(nn.GroupNorm(groups, here), nn.SiLU(), last)

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = False) -> tuple[Tensor]:  # noqa: ARG002
        """Return a 1-tuple of (B, out_channels, time), like the models of `diffusers` with ``return_dict=False``."""
        about = self.time(_waves(label, self.width))
        batch, channels, time = x.shape
        x = x.reshape(batch, channels, time // self.patch, self.patch).transpose(2, 3).flatten(1, 2)
        x = self.first(x)
        beside = [x]
        for part in self.down:
            x = part(x, about)
            beside.append(x)
        for part in self.middle:
            x = part(x, about)
        for part in self.up:
            x = part(torch.cat([x, beside.pop()], 1) if isinstance(part, _Block) else x, about)
        x = self.last(x)
        return (x.unflatten(1, (-1, self.patch)).transpose(2, 3).flatten(2, 3),)


def _waves(label: Tensor, width: int) -> Tensor:
    """Embed labels by cosines and sines, (B,) → (B, width) float32."""
    rates = torch.exp(torch.arange(width // 2, device=label.device) * (-math.log(10_000) / (width // 2)))
    turned = label.float()[:, None] * rates
    return torch.cat([turned.cos(), turned.sin()], 1)


def _zero(layer: nn.Conv1d) -> nn.Conv1d:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class _Block(nn.Module):
    """A residual block, followed by attention if ``head`` is not 0."""

    def __init__(self, before: int, width: int, time: int, groups: int, head: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.GroupNorm(groups, before), nn.GroupNorm(groups, width)
        self.conv_in = nn.Conv1d(before, width, 3, padding=1)
        self.conv_out = _zero(nn.Conv1d(width, width, 3, padding=1))
        self.level = nn.Linear(time, 2 * width)
        self.beside = nn.Conv1d(before, width, 1) if before != width else nn.Identity()
        self.attention = _Attention(width, groups, head) if head else nn.Identity()

    def forward(self, x: Tensor, about: Tensor) -> Tensor:
        scale, shift = self.level(silu(about))[:, :, None].chunk(2, 1)
        h = self.conv_in(silu(self.norm_in(x)))
        h = self.conv_out(silu(self.norm_out(h) * (1 + scale) + shift))
        found: Tensor = self.attention(self.beside(x) + h)
        return found


class _Attention(nn.Module):
    """Residual self-attention over positions."""

    def __init__(self, width: int, groups: int, head: int) -> None:
        super().__init__()
        self.heads = width // head
        self.norm, self.into = nn.GroupNorm(groups, width), nn.Conv1d(width, 3 * width, 1)
        self.out = _zero(nn.Conv1d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        parts = self.into(self.norm(x)).unflatten(1, (3, self.heads, -1)).transpose(3, 4)
        seen = scaled_dot_product_attention(parts[:, 0], parts[:, 1], parts[:, 2])
        found: Tensor = x + self.out(seen.transpose(2, 3).flatten(1, 2))
        return found


class _Down(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, about: Tensor) -> Tensor:  # noqa: ARG002
        found: Tensor = self.conv(x)
        return found


class _Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: Tensor, about: Tensor) -> Tensor:  # noqa: ARG002
        found: Tensor = self.conv(interpolate(x, scale_factor=2.0))
        return found
