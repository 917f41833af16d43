"""SaShiMi along time for signals (channels, time): a U-Net of state-space layers (Goel et al. 2022, Sec. 3.2).

This is the unconditional network of ECGs in Janati et al. 2025, App. D.5, with bidirectional layers and the diffusion
time added to every block, as in DiffWave's variant. Their state matrices are diagonal minus a tied matrix of rank one;
ours are diagonal (:mod:`posterity.priors.networks._s4d`), which takes 3 % of the weights away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import glu
from torch.nn.utils.parametrizations import weight_norm

from posterity.errors import PosterityError
from posterity.priors.networks._s4d import S4D

if TYPE_CHECKING:
    from posterity.priors.training import Training

__all__ = ["CALLED", "PRECISE", "Sashimi", "architecture", "build"]

CALLED = "Sashimi"
PRECISE = ("log_step", "frequency")
"""They make long powers: rounded to half, they move a fresh network's output by 2 %, all other weights by 0.1 %."""
_WAVES, _TIME = 64, 512


def architecture(how: Training, channels: int, size: int) -> dict[str, Any]:
    """Return the arguments of :class:`Sashimi` for signals (channels, size).

    Raises:
        PosterityError: if ``pool`` does not fit ``channels``, the length is no multiple of all pools, or for a learned
            variance.
    """
    pool = (2,) * (len(how.channels) - 1) if how.pool is None else how.pool
    if len(pool) != len(how.channels) - 1:
        told = f"{len(pool)} for {len(how.channels)} resolutions; give {len(how.channels) - 1}"
        raise PosterityError(f"pool = {list(pool)}: it leads from each of the channels to the next, and has {told}")
    if size % math.prod(pool):
        raise PosterityError(f"signals of {size} samples are no multiple of {math.prod(pool)}, the product of pool")
    if how.learned_variance:
        raise PosterityError("learned_variance = true: a sashimi predicts means alone; leave it out")
    return {
        "in_channels": channels * how.parts,
        "out_channels": channels,
        "channels": list(how.channels),
        "pool": list(pool),
        "layers": how.layers,
        "states": how.states,
    }


def build(**arguments: Any) -> nn.Module:
    return Sashimi(**arguments)


class Sashimi(nn.Module):
    """F(x, label): (B, in_channels, time) and labels (B,) → (B, out_channels, time); 0 with fresh weights.

    Arguments:
        in_channels: channels of x.
        out_channels: channels of the output.
        channels: channels at each resolution; the last is the centre's.
        pool: samples that become one from each resolution to the next; time must be a multiple of their product.
        layers: blocks at each resolution, on the way down and again on the way up.
        states: complex states of a channel and direction.
    """

    def __init__(
        self, in_channels: int, out_channels: int, channels: Sequence[int], pool: Sequence[int], layers: int,
        states: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.time = nn.Sequential(
            nn.Linear(2 * _WAVES, _TIME), nn.SiLU(), nn.Linear(_TIME, _TIME), nn.SiLU()
        )  # fmt: skip
        first = nn.Conv1d(in_channels, channels[0], 1)
        nn.init.kaiming_normal_(first.weight)
        self.first = weight_norm(first)
        steps = list(zip(channels, channels[1:], pool, strict=False))

        def blocks(width: int) -> list[nn.Module]:
            return [_Block(width, states) for _ in range(layers)]

        self.down = nn.ModuleList(m for a, b, p in steps for m in (*blocks(a), _Down(a, b, p)))
        self.middle = nn.ModuleList(blocks(channels[-1]))
        self.up = nn.ModuleList(m for a, b, p in reversed(steps) for m in (_Up(b, a, p), *blocks(a)))
        self.norm = _Norm()
        last = nn.Conv1d(channels[0], out_channels, 1)
        for weights in last.parameters():
            nn.init.zeros_(weights)
        self.last = nn.Sequential(nn.Conv1d(channels[0], channels[0], 1), nn.ReLU(), last)

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = False) -> tuple[Tensor]:  # noqa: ARG002
        """Return a 1-tuple of (B, out_channels, time), like the models of `diffusers` with ``return_dict=False``."""
        about = self.time(_waves(label))
        x = self.first(x).relu()
        beside = [x]
        for part in self.down:
            x = part(x, about)
            beside.append(x)
        for part in self.middle:
            x = part(x, about)
        x = x + beside.pop()
        for part in self.up:
            x = part(x, about) + beside.pop()
        return (self.last(self.norm(x)),)


def _waves(label: Tensor) -> Tensor:
    """Embed labels by sines and cosines at rates from 1 to 1e-4, (B,) → (B, 128) float32."""
    rates = torch.logspace(0, -4, _WAVES, device=label.device)
    turned = label.float()[:, None] * rates
    return torch.cat([turned.sin(), turned.cos()], 1)


class _Norm(nn.Module):
    """Normalise over channels at each time, with one scale and one shift for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        found: Tensor = self.scale * (x - mean) * (variance + 1e-5).rsqrt() + self.shift
        return found


class _Block(nn.Module):
    """A residual state-space layer, and a residual pair of 1 × 1 convolutions of twice the width between them."""

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = _Norm(), _Norm()
        self.level = nn.Linear(_TIME, width)
        self.states, self.mix = S4D(width, states), nn.Conv1d(width, 2 * width, 1)
        self.feed = nn.Sequential(nn.Conv1d(width, 2 * width, 1), nn.GELU(), nn.Conv1d(2 * width, width, 1))
        self.bend = nn.GELU()

    def forward(self, x: Tensor, about: Tensor) -> Tensor:
        h = self.states(self.norm_in(x) + self.level(about)[:, :, None])
        x = x + glu(self.mix(self.bend(h)), 1)
        found: Tensor = x + self.feed(self.norm_out(x))
        return found


class _Down(nn.Module):
    """Make ``pool`` samples one: they become channels, of which a 1 × 1 convolution makes ``after``."""

    def __init__(self, before: int, after: int, pool: int) -> None:
        super().__init__()
        self.pool, self.conv = pool, nn.Conv1d(before * pool, after, 1)

    def forward(self, x: Tensor, about: Tensor) -> Tensor:  # noqa: ARG002
        found: Tensor = self.conv(x.unflatten(2, (-1, self.pool)).transpose(2, 3).flatten(1, 2))
        return found


class _Up(nn.Module):
    """Make one sample ``pool`` of them, the reverse of :class:`_Down`."""

    def __init__(self, before: int, after: int, pool: int) -> None:
        super().__init__()
        self.pool, self.conv = pool, nn.Conv1d(before, after * pool, 1)

    def forward(self, x: Tensor, about: Tensor) -> Tensor:  # noqa: ARG002
        return self.conv(x).unflatten(1, (-1, self.pool)).transpose(2, 3).flatten(2, 3)
