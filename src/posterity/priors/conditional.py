"""Conditional diffusion networks, which see the measured entries: SSSD (Alcaraz and Strodthoff 2022).

Only missing entries are noised, and only their errors are in the loss. The input has three channels for each of the
signal's: the noised missing part, the measured part (each 0 elsewhere) and the mask. Masks are drawn anew for every
training example, so a network knows one kind of measurement alone. It is no denoiser of whole signals.

The public code leaves measured entries in the first part, in training as (√ᾱ + √(1-ᾱ)) x0, in sampling as x0. Here
they are 0 in both.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from posterity.diffusion.levels import Level
from posterity.errors import PosterityError
from posterity.operators import lead_masks
from posterity.priors.base import Prior
from posterity.priors.network import Network

__all__ = ["CONDITIONS", "PARTS", "Beside", "Conditional", "masks", "mean_square", "unit"]

CONDITIONS: Mapping[str, Callable[[int, np.random.Generator], Tensor]] = {
    "missing_block": partial(lead_masks.missing_block, "random"),
    "missing_block_per_lead": partial(lead_masks.missing_block_per_lead, lead_masks.HALF),
}
"""{mask of an inpainting task: (samples, generator) → keep-mask that broadcasts to (leads, time)}."""
PARTS = 3
"""Channels of the network's input for each channel of the signal."""


def masks(condition: str, shape: Sequence[int], rng: np.random.Generator) -> Tensor:
    """Draw a mask for each of the signals of ``shape`` (B, leads, time), 1 where measured, float64."""
    count, leads, time = shape
    return torch.stack([CONDITIONS[condition](time, rng).expand(leads, -1) for _ in range(count)]).double()


def mean_square(error: Tensor, keep: Tensor | None) -> Tensor:
    """Return the mean square of the error (B, *signal), a scalar; with masks, over missing entries alone."""
    if keep is None:
        return error.square().mean()
    missing = 1 - keep.to(error)
    return (missing * error.square()).sum() / missing.sum()


def unit(prediction: str, sigma_data: float) -> float:
    """Return the factor of measured entries in the network's input, that of a signal without noise."""
    return 1 / sigma_data if prediction == "edm" else 1.0


class Beside(nn.Module):
    """A conditional network beside measurements, called like one without a condition.

    Arguments:
        network: of ``PARTS`` times as many channels as a signal.
        measured: signals in the unit of the network's input, (B, *signal); only measured entries are used.
        keep: masks, 1 where measured, (B, *signal).
    """

    def __init__(self, network: nn.Module, measured: Tensor, keep: Tensor) -> None:
        super().__init__()
        self.network, self._keep, self._measured = network, keep, keep * measured

    def forward(self, x: Tensor, label: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """Return a 1-tuple of (B, *signal)."""
        parts = torch.cat([(1 - self._keep) * x, self._measured, self._keep], 1)
        found: tuple[Tensor] = self.network(parts, label, return_dict=return_dict)
        return found


class Conditional(Prior):
    """A network that predicts missing entries given the measured ones; :meth:`beside` gives it these.

    Arguments:
        alone: the network with its schedule and parametrisation, of the shape of a signal.
        unit: factor of measured entries in its input, see :func:`unit`.
    """

    def __init__(self, alone: Network, unit: float) -> None:
        self._alone, self._unit = alone, unit
        self.network = alone.network
        self.schedule, self.signal_shape = alone.schedule, alone.signal_shape
        self.dtype, self.device = alone.dtype, alone.device
        self.name, self.about = alone.name, alone.about

    def predict(self, x_t: Tensor, level: Level) -> NoReturn:  # noqa: ARG002
        """Raise PosterityError: it denoises no x_t (B, *signal) without measured entries."""
        raise PosterityError("a conditional network has no denoiser without measurements; use the sampler traineddiff")

    def beside(self, y: Tensor, keep: Tensor) -> Network:
        """Return the denoiser given the measurements ``y`` where ``keep`` is 1, each (B, *signal), row by row."""
        out = copy.copy(self._alone)
        measured, keep = (self._unit * y).to(self.dtype), keep.to(self.dtype)
        out.network, out.bounds = Beside(self.network, measured, keep), self.bounds
        return out
