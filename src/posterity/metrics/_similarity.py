"""SSIM of images, per channel on RGB, with the border treatments of several definitions.

All use a Gaussian window of 11 pixels with σ = 1.5, and the constants (0.01 L)², (0.03 L)² for data range L = 1 (Wang
et al. 2004, who define it for grey images).
"""

from __future__ import annotations

import torch
from torch import Tensor

from posterity.metrics._pyiqa import unit

__all__ = ["LEAST", "similarity"]

_WINDOW, _WIDTH = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
LEAST = (_WINDOW, "SSIM's window has")


def similarity(x: Tensor, truth: Tensor, border: str | None = None) -> list[float]:
    """Return the SSIM of images (N, C, H, W) against one truth (C, H, W).

    Arguments:
        x: images, (N, C, H, W) in [-1, 1].
        truth: (C, H, W) in [-1, 1].
        border: None for windows inside the image only; "reflect" or "constant" padding gives every pixel a window.
    """
    a, b = unit(x).double(), unit(truth.expand_as(x)).double()
    if border is not None:
        a, b = (torch.nn.functional.pad(v, [_WINDOW // 2] * 4, mode=border) for v in (a, b))
    i = torch.arange(_WINDOW, dtype=a.dtype) - _WINDOW // 2
    taps = torch.exp(-(i**2) / (2 * _WIDTH**2))
    window = (torch.outer(taps, taps) / taps.sum() ** 2)[None, None]

    def mean(v: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(v.flatten(0, 1)[:, None], window)[:, 0]

    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    alike = (2 * ma * mb + _C1) * (2 * both + _C2) / ((ma**2 + mb**2 + _C1) * (va + vb + _C2))
    found: list[float] = alike.unflatten(0, a.shape[:2]).mean((1, 2, 3)).tolist()
    return found
