"""A bidirectional diagonal state-space layer, S4D (Gu et al. 2022, Sec. 3): long convolutions with few weights.

Each channel and direction is a linear system of N complex states, x' = Λ x + u, y = 2 Re(C x), sampled with step Δt and
its input held constant between samples (zero-order hold). It is a convolution with K_l = 2 Re Σ_n C̃_n exp(l Δt Λ_n),
where C̃ = C (exp(Δt Λ) - 1)/Λ. Λ = -exp(a) + ib, so the system is stable whatever the weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

__all__ = ["S4D"]

_STEPS = (1e-3, 1e-1)
"""Δt of fresh weights is log-uniform between these."""


class S4D(nn.Module):
    """u → K * u + D u along time in both directions, (B, width, time) → (B, width, time), for any time.

    One kernel sees the present and the past, the other the future alone. All is computed in the precision of the
    weights, whatever autocast says: a transform in bfloat16 does not exist, and powers of it would be no kernel.

    Arguments:
        width: channels, each with its own kernels.
        states: complex states of a channel and direction.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        low, high = (math.log(step) for step in _STEPS)
        self.log_step = nn.Parameter(torch.empty(2, width).uniform_(low, high))
        self.log_decay = nn.Parameter(torch.full((2, width, states), math.log(0.5)))
        self.frequency = nn.Parameter((math.pi * torch.arange(states)).repeat(2, width, 1))
        # real and imaginary parts of C, beside each other, because files in half precision have no complex numbers
        self.out = nn.Parameter(torch.randn(2, width, 2 * states) / math.sqrt(2))
        self.through = nn.Parameter(torch.randn(width))

    def discrete(self) -> tuple[Tensor, Tensor]:
        """Return ΔtΛ and C̃, complex, each (2, width, states)."""
        rate = torch.complex(-self.log_decay.exp(), self.frequency)
        step = self.log_step.exp()[..., None] * rate
        return step, torch.complex(*self.out.chunk(2, -1)) * torch.expm1(step) / rate

    def kernels(self, time: int) -> Tensor:
        """Return K of both directions, (2, width, time).

        With l = i m + j and m = ⌈√time⌉, exp(l ΔtΛ) is a product of one of m powers and another of m, so K is a
        matrix product, and no tensor has both the states and the times.
        """
        step, weight = self.discrete()
        side = math.isqrt(time - 1) + 1
        powers = torch.arange(side, device=step.device)
        near = _exp(step[..., None] * powers)
        far = weight[..., None] * _exp(step[..., None] * (side * powers))
        found = far.real.mT @ near.real - far.imag.mT @ near.imag
        return 2 * found.flatten(-2)[..., :time]

    def forward(self, u: Tensor) -> Tensor:
        time, given = u.shape[-1], u.to(self.out.dtype)
        with torch.autocast(u.device.type, enabled=False):
            past, future = self.kernels(time)
            # circular in 2·time samples: the negative lags of the future's kernel are at the end
            kernel = pad(past, (0, time)) + pad(future.flip(-1), (time, 0))
            spectrum = torch.fft.rfft(given, n=2 * time) * torch.fft.rfft(kernel)
            return torch.fft.irfft(spectrum, n=2 * time)[..., :time] + self.through[:, None] * given


def _exp(z: Tensor) -> Tensor:
    """Return exp(z) of complex numbers, in a fraction of the time that torch takes for it on a CPU."""
    grown, angle = z.real.exp(), z.imag
    return torch.complex(grown * angle.cos(), grown * angle.sin())
