"""A trained network as a prior: its schedule in float64, the network in its own precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.priors._prediction import Prediction
from posterity.priors.base import Prior

__all__ = ["PRECISIONS", "Network"]

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""In which a network may multiply."""


class Network(Prior):
    """E[x0 | x_t] by a network that predicts noise, velocity or EDM's residual.

    The network is frozen: gradients reach x_t and no weight, so a backward pass costs about as much
    as a forward one.

    Arguments:
        network: called as ``network(x, label, return_dict=False)[0]`` like the models of `diffusers`, with
            labels (B,); a class-conditional one also takes ``class_labels``, long (B,).
        schedule: the schedule whose times the network knows; for ``edm``, any.
        signal_shape: (C, H, W).
        prediction: "epsilon", "v" or "edm", see :mod:`posterity.priors._prediction`.
        sigma_data: σ_data of an EDM network.
        learned_variance: the network's last C channels interpolate the reverse step's variance
            (Nichol and Dhariwal 2021, Eq. 15).
        label: the class, for a class-conditional network.
        label_factor: an EDM network is asked with this times ln σ.
        precision: a key of ``PRECISIONS``, of the network's products alone: its weights, its answer and all that
            is done with it stay in float32 and float64.
        compiled: lets torch compile the network, at its first evaluation of every kind; worth it on a GPU.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        signal_shape: tuple[int, ...],
        prediction: str = "epsilon",
        sigma_data: float = 0.5,
        learned_variance: bool = False,
        label: int | None = None,
        label_factor: float = 250.0,
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        if compiled:
            self.network.compile()
        self.schedule, self.signal_shape, self.label = schedule, signal_shape, label
        self.learned_variance = learned_variance
        first = next(network.parameters())
        self.dtype, self.device = first.dtype, first.device
        alpha_bar = torch.tensor([schedule.alpha_bar(t) for t in range(len(schedule))], dtype=torch.float64)
        table = Prediction.of(prediction, alpha_bar, torch.arange(len(schedule)), sigma_data, label_factor)
        self._scale, self._skip, self._out = (column.tolist() for column in (table.scale, table.skip, table.out))
        # on the device once, so that no step waits for a copy
        self._labels = table.label.to(self.device, torch.float32)
        self._last: tuple[int, Tensor] | None = None
        self._products = PRECISIONS[precision]

    def denoise(self, x_t: Tensor, t: int) -> Tensor:
        """E[x0 | x_t], (B, *signal) → (B, *signal) in the precision of x_t."""
        scale = self._scale[t]
        given = x_t.to(self.dtype) if scale == 1 else (scale * x_t).to(self.dtype)
        found = self._call(given, self._labels[t].expand(len(x_t)))
        if self.learned_variance:
            found, fraction = found.chunk(2, dim=1)
            self._last = t, fraction.detach()
        return self._skip[t] * x_t + self._out[t] * found.to(x_t.dtype)

    def _call(self, x: Tensor, labels: Tensor) -> Tensor:
        try:
            if self._products is self.dtype:
                return self._ask(x, labels)
            with torch.autocast(self.device.type, self._products):
                return self._ask(x, labels).to(self.dtype)
        except RuntimeError as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = str(error).strip().partition("\n")[0]
            raise PosterityError(f"torch cannot compile the network here ({reason}); leave `compile` out") from error

    def _ask(self, x: Tensor, labels: Tensor) -> Tensor:
        if self.label is None:
            return self.network(x, labels, return_dict=False)[0]
        classes = torch.full((len(x),), self.label, device=x.device)
        return self.network(x, labels, class_labels=classes, return_dict=False)[0]

    def reverse_variance(self, t: int, beta: float, variance: float) -> float | Tensor:
        """β̃, or between β̃ and β as the network said when it denoised at t (log-linear, (B, *signal))."""
        if not self.learned_variance or variance <= 0:
            return variance
        if self._last is None or self._last[0] != t:
            raise RuntimeError(f"the variance at time {t} is known once the network has denoised at that time")
        share = (self._last[1] + 1) / 2
        return (share * math.log(beta) + (1 - share) * math.log(variance)).exp()
