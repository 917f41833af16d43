"""Resumable gradient descent: weights, their moving average, the optimiser, and the choice of signals."""

from __future__ import annotations

import copy
import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Descent", "Rate", "multiplies_bfloat16", "warm_cosine"]


class Rate(Protocol):
    """The settings of a descent."""

    @property
    def steps(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warm_up(self) -> int: ...
    @property
    def clip(self) -> float: ...
    @property
    def average(self) -> float: ...


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return True if the device has matrix units for bfloat16: a GPU, or a processor with AMX (.7 of a step's time)."""
    if device.type != "cpu":
        return device.type == "cuda"
    # torch can be told to use the kernels of an older processor, whose attention has no bfloat16
    return torch.cpu._is_amx_tile_supported() and torch.backends.cpu.get_cpu_capability() == "AVX512"


def warm_cosine(how: Rate, step: int) -> float:
    """Return the learning rate of a step: linear warm-up to its peak, then cosine decay to 0."""
    if step < how.warm_up:
        return how.learning_rate * (step + 1) / how.warm_up
    share = (step - how.warm_up) / max(1, how.steps - how.warm_up)
    return how.learning_rate * (1 + math.cos(math.pi * share)) / 2


class Descent:
    """A network trained on signals that are drawn by weight.

    Arguments:
        network: a freshly initialised network.
        optimiser: Adam or AdamW.
        signals: (N, *signal).
        weights: sampling weight of each signal, (N,), not necessarily normalised.
        how: the settings.
        options: further arguments of the optimiser.
    """

    def __init__(
        self, network: nn.Module, optimiser: type[torch.optim.Adam], signals: Tensor, weights: Tensor, how: Rate,
        **options: Any,
    ) -> None:  # fmt: skip
        self.step, self.network, self._signals, self._how = 0, network, signals, how
        self._parameters = dict(network.named_parameters())
        self.device = next(network.parameters()).device
        self.average = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._optimiser = optimiser(self._parameters.values(), lr=how.learning_rate, foreach=True, **options)
        self._cdf = np.cumsum(weights.double().numpy())
        self._cdf /= self._cdf[-1]

    def draw(self, rng: np.random.Generator) -> Tensor:
        """Draw the signals of a step, (batch, *signal)."""
        return self._signals[self.choose(rng)]

    def choose(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the row numbers of a step's signals, (batch,)."""
        return np.searchsorted(self._cdf, rng.random(self._how.batch))

    def descend(self, loss: Tensor) -> float:
        """Take a step down the gradient of the scalar ``loss``; return its value."""
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters.values(), self._how.clip)
        self._optimiser.param_groups[0]["lr"] = warm_cosine(self._how, self.step)
        self._optimiser.step()
        # early averages decay faster, so that they forget the random initialisation
        decay = min(self._how.average, (1 + self.step) / (10 + self.step))
        now = [p.detach() for p in self._parameters.values()]
        torch._foreach_lerp_(list(self.average.values()), now, 1 - decay)
        self.step += 1
        return loss.item()

    def averaged(self) -> nn.Module:
        """Return the network with its averaged weights."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(network.state_dict() | self.average)  # buffers are not averaged
        return network.eval()

    def state(self) -> dict[str, Tensor]:
        """Return all state besides the settings on which the next step depends, {name: tensor}."""
        out = {f"weights/{name}": p.detach() for name, p in self._parameters.items()}
        out |= {f"average/{name}": p for name, p in self.average.items()}
        for name, p in self._parameters.items():
            out |= {f"{key}/{name}": value for key, value in self._optimiser.state[p].items()}
        return out | {"step": torch.tensor(self.step)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore a state {name: tensor} returned by :meth:`state`."""
        self.step = int(state["step"])
        with torch.no_grad():
            for name, p in self._parameters.items():
                p.copy_(state[f"weights/{name}"])
                self.average[name].copy_(state[f"average/{name}"])
                moments = {key: torch.empty_like(p).copy_(state[f"{key}/{name}"]) for key in ("exp_avg", "exp_avg_sq")}
                self._optimiser.state[p] = {"step": state[f"step/{name}"].clone(), **moments}
