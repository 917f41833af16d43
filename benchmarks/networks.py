"""Priors for measuring speed: a small U-Net, a stand-in that costs almost nothing, and one that records its calls.

The U-Net's weights are random, because speed does not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DModel
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.schedule import Schedule
from posterity.priors.around import Around
from posterity.priors.base import Prediction, Prior

__all__ = ["Call", "Recorded", "StandIn", "UNet", "replay"]


class UNet(Prior):
    """A frozen U-Net of about a million parameters that predicts x0, in float32."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.schedule, self.signal_shape, self.dtype = Schedule.linear(), shape, torch.float32
        torch.manual_seed(0)
        architecture: Any = UNet2DModel
        self.network = architecture(
            sample_size=shape[-1],
            in_channels=shape[0],
            out_channels=shape[0],
            layers_per_block=1,
            block_out_channels=(32, 48, 64),
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
        )
        self.network.requires_grad_(requires_grad=False)

    @property
    def parameters(self) -> int:
        """Return the number of weights."""
        return sum(p.numel() for p in self.network.parameters())

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        return Prediction(self.network(x_t, level.t).sample)


class StandIn(Prior):
    """tanh(0.7 x_t): two operations instead of a network, so that all the time is the sampler's."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.schedule, self.signal_shape, self.dtype = Schedule.linear(), shape, torch.float32

    def predict(self, x_t: Tensor, level: Level) -> Prediction:  # noqa: ARG002
        return Prediction((0.7 * x_t).tanh())


@dataclass
class Call:
    """One evaluation: the shape of its input, whether a graph was built, and how often it was differentiated."""

    shape: torch.Size
    level: Level
    graph: bool
    backwards: int = 0


class Recorded(Around):
    """A prior that records all its evaluations."""

    def __init__(self, prior: Prior) -> None:
        super().__init__(prior)
        self.calls: list[Call] = []

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        call = Call(x_t.shape, level, x_t.requires_grad)
        self.calls.append(call)
        found = self.prior.predict(x_t, level)
        if found.x0.requires_grad:

            def count(_: Tensor) -> None:
                call.backwards += 1

            found.x0.register_hook(count)
        return found


def replay(prior: Prior, calls: list[Call]) -> None:
    """Repeat only the recorded evaluations, with a gradient where there was one, at normally distributed points."""
    points = {call.shape: torch.randn(call.shape, dtype=prior.dtype, device=prior.device) for call in calls}
    for call in calls:
        # torch.func, used by a peer, differentiates without requires_grad on its input.
        graph = call.graph or call.backwards > 0
        with torch.set_grad_enabled(graph):
            x_t = points[call.shape].detach().requires_grad_(graph)
            x0 = prior.predict(x_t, call.level).x0
            for _ in range(call.backwards):
                torch.autograd.grad(x0, x_t, points[call.shape], retain_graph=call.backwards > 1)
