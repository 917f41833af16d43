"""The training loss of a learned variance (Nichol and Dhariwal 2021, Sections 3.1 and 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.diffusion.schedule import Schedule

__all__ = ["VarianceLoss"]

_WEIGHT = 0.001
"""λ of L_hybrid = L_simple + λ L_vlb, their Eq. 16; L_vlb is a sum over all times."""


class VarianceLoss:
    """λ L_vlb as a function of the variance only; no gradient reaches the mean.

    Each term is the KL divergence, in nats per scalar, between the exact reverse step given x0 and the network's. The
    term of t = 0 (the decoder) is omitted: samplers draw nothing there.
    """

    def __init__(self, schedule: Schedule) -> None:
        bars = torch.tensor([schedule.alpha_bar(t) for t in range(-1, len(schedule))], dtype=torch.float64)
        before, now = bars[:-1], bars[1:]
        beta = 1 - now / before
        tilde = beta * (1 - before) / (1 - now)
        tilde[0] = tilde[1]  # its log must be finite; its term is not used
        self._log_beta, self._log_tilde = beta.log(), tilde.log()
        self._gain = before.sqrt() * beta / (1 - now)

    def __call__(self, t: Tensor, error: Tensor, fraction: Tensor) -> Tensor:
        """Return the mean over a batch, a scalar.

        Arguments:
            t: integer times, (B,), drawn uniformly.
            error: the network's estimate of x0 minus x0, (B, C, H, W).
            fraction: the network's variance output, (B, C, H, W): -1 means the lower bound β̃, 1 the upper bound β.
        """
        rows = (-1, 1, 1, 1)
        low, high, gain = (table[t].view(rows).to(fraction) for table in (self._log_tilde, self._log_beta, self._gain))
        log_variance = low + (fraction + 1) / 2 * (high - low)
        gap = (gain * error.detach()).square()
        divergence = (log_variance - low - 1 + (low.exp() + gap) / log_variance.exp()) / 2
        drawn = (t > 0).view(rows).to(fraction)
        return _WEIGHT * len(self._gain) * (drawn * divergence).mean()
