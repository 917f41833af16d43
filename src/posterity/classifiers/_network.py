"""XResNet1d50, a residual network over time (Strodthoff et al. 2021; Janati et al. 2025, Table 15).

A stem of three convolutions and a max-pool quarters the time. Four stages of bottleneck blocks follow, all of one
width, and the last three halve the time once each. A residual path ends in a normalisation of weight 0, so that every
block begins as its shortcut. Where a block halves the time, its shortcut averages pairs; where it widens, a 1 × 1
convolution follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["BLOCKS", "EXPANSION", "Network"]

BLOCKS = (3, 4, 6, 3)
"""Blocks of each stage."""
EXPANSION = 4
"""Channels of a block's result, in units of those of its convolution over time."""
_KERNEL = 5


def _convolution(inside: int, outside: int, kernel: int, stride: int = 1, *, zero: bool = False) -> list[nn.Module]:
    """Return a convolution that keeps the length (divided by ``stride``) and its normalisation.

    Arguments:
        inside, outside: channels.
        kernel: an odd number of samples.
        stride: of the convolution.
        zero: whether the normalisation begins with weight 0.
    """
    made = nn.Conv1d(inside, outside, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(made.weight)
    norm = nn.BatchNorm1d(outside)
    nn.init.constant_(norm.weight, 0.0 if zero else 1.0)
    return [made, norm]


class _Block(nn.Module):
    """A bottleneck block with its shortcut."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        outside = EXPANSION * width
        self.residual = nn.Sequential(
            *_convolution(inside, width, 1), nn.ReLU(),
            *_convolution(width, width, _KERNEL, stride), nn.ReLU(),
            *_convolution(width, outside, 1, zero=True),
        )  # fmt: skip
        pool = [nn.AvgPool1d(2, ceil_mode=True)] if stride > 1 else []
        self.shortcut = nn.Sequential(*pool, *(_convolution(inside, outside, 1) if inside != outside else []))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.residual(x) + self.shortcut(x))


class Network(nn.Module):
    """Logits of classes, (B, leads, time) → (B, classes).

    Arguments:
        leads: channels of the signal.
        classes: number of classes.
        width: channels of a block's convolution over time, even; the stem has half as many, then as many.
        blocks: of each stage.
        hidden: units of the head's hidden layer.
    """

    def __init__(
        self, leads: int, classes: int, width: int = 64, blocks: Sequence[int] = BLOCKS, hidden: int = 128
    ) -> None:
        super().__init__()
        sides = (leads, width // 2, width // 2, width)
        self.stem = nn.Sequential(
            *(
                layer
                for number in range(3)
                for layer in (
                    *_convolution(sides[number], sides[number + 1], _KERNEL, 1 if number else 2), nn.ReLU(),
                )
            ),
            nn.MaxPool1d(3, 2, padding=1),
        )  # fmt: skip
        outside, inside, stages = EXPANSION * width, width, []
        for number, count in enumerate(blocks):
            for place in range(count):
                stages.append(_Block(inside, width, 2 if number and not place else 1))
                inside = outside
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * outside), nn.Dropout(0.25), nn.Linear(2 * outside, hidden), nn.ReLU(),
            nn.BatchNorm1d(hidden), nn.Dropout(0.5), nn.Linear(hidden, classes),
        )  # fmt: skip
        for layer in self.head:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def features(self, x: Tensor) -> Tensor:
        """Return the means and the maxima over time of the last stage, (B, leads, time) → (B, 2 · 4 · width)."""
        x = self.stages(self.stem(x))
        return torch.cat([x.mean(-1), x.amax(-1)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.features(x))
        return found
