"""Filtering with reflection padding that doesn't repeat the border pixel."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["correlate", "correlate_adjoint", "reflection"]


def reflection(size: int, margin: int) -> Tensor:
    """Return the pixel indices at positions -margin, …, size + margin - 1 under reflection; long (size + 2 margin,)."""
    period = max(2 * (size - 1), 1)
    position = torch.arange(-margin, size + margin) % period
    return torch.minimum(position, period - position).clamp(max=size - 1)


def _places(x: Tensor, kernels: Tensor) -> tuple[Tensor, Tensor]:
    margin = kernels.shape[-1] // 2
    rows, columns = (reflection(size, margin).to(x.device) for size in x.shape[-2:])
    return rows, columns


def correlate(x: Tensor, kernels: Tensor) -> Tensor:
    """Return Σ_q k(q) x(p + q), shape of x: a point source appears as the *flipped* kernel, as in network convolutions.

    Arguments:
        x: (B, C, H, W), or with other leading axes.
        kernels: (B, 1, k, k) or (1, 1, k, k), or broadcastable to x's leading axes; k odd.
    """
    rows, columns = _places(x, kernels)
    wide = x[..., rows, :][..., columns]
    sides = wide.shape[-2:]
    product = torch.fft.rfft2(wide) * torch.fft.rfft2(kernels, s=sides).conj()
    return torch.fft.irfft2(product, s=sides)[..., : x.shape[-2], : x.shape[-1]]


def correlate_adjoint(y: Tensor, kernels: Tensor) -> Tensor:
    """Apply the exact transpose of ``correlate`` to y (B, C, H, W): values beyond the border are folded back."""
    rows, columns = _places(y, kernels)
    sides = (len(rows), len(columns))
    wide = torch.fft.irfft2(torch.fft.rfft2(y, s=sides) * torch.fft.rfft2(kernels, s=sides), s=sides)
    folded = wide.new_zeros(*wide.shape[:-2], y.shape[-2], sides[1]).index_add(-2, rows, wide)
    return folded.new_zeros(folded.shape[:-1] + y.shape[-1:]).index_add(-1, columns, folded)
