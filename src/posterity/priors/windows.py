"""A prior of short signals as a prior of longer ones, by blending the predictions of overlapping windows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.errors import PosterityError
from posterity.priors.base import Prediction, Prior

__all__ = ["Windows"]


class Windows(Prior):
    """E[x0 | x_t] of signals (C, T) from a prior of signals (C, t) with t ≤ T.

    Windows at most t/2 apart are denoised independently. A value is the mean of its windows' predictions, weighted by
    its distance from each window's ends. It therefore depends on the signal within about t/2 of it, and draws have no
    seams. This is an approximation: no prior of long signals has exactly this denoiser.

    Arguments:
        prior: the prior of windows (C, t).
        length: T, in samples.

    Raises:
        PosterityError: if T is shorter than a window.
    """

    def __init__(self, prior: Prior, length: int) -> None:
        channels, window = prior.signal_shape
        if length < window:
            raise PosterityError(f"a signal of {length} samples is shorter than the {window} of prior {prior.name!r}")
        self.schedule, self.dtype, self.device, self.bounds = prior.schedule, prior.dtype, prior.device, prior.bounds
        self.name, self.about = prior.name, prior.about
        self.signal_shape = (channels, length)
        self._prior, self._window = prior, window
        count = 1 + math.ceil((length - window) / (window // 2))
        self._starts = torch.linspace(0, length - window, count).round().long().tolist()
        rise = torch.arange(1, window + 1, dtype=torch.float64)
        self._weight = torch.minimum(rise, rise.flip(0)).to(prior.device, prior.dtype)
        total = torch.zeros(length, dtype=prior.dtype, device=prior.device)
        for start in self._starts:
            total[start : start + window] += self._weight
        self._total = total

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return the blend of E[window | its part of x_t], (B, C, T); one evaluation per window."""
        parts = torch.stack([x_t[..., s : s + self._window] for s in self._starts], 1)
        found = self._prior.predict(parts.flatten(0, 1), level)
        weighted = found.x0.unflatten(0, (len(x_t), -1)) * self._weight.to(x_t.dtype)
        blend = torch.zeros_like(x_t)
        for number, start in enumerate(self._starts):
            blend = blend + torch.nn.functional.pad(weighted[:, number], (start, x_t.shape[-1] - start - self._window))
        return Prediction(blend / self._total.to(x_t.dtype), evaluations=found.evaluations * len(self._starts))
