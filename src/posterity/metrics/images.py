"""Numbers about single images; images (N, C, H, W) in [-1, 1], grey ones (C = 1) as three equal channels.

SSIM has several definitions (Wang et al. 2004 is of grey images), all with a Gaussian window of 11 pixels, σ = 1.5,
and constants (0.01 L)², (0.03 L)² of the data range L. ``ssim`` is the mean over the channels of RGB at L = 1 and over
all windows that lie inside the image. ``ssim_mirror`` has a window around every pixel, the image continued as its
mirror image (current torchmetrics, of Fabian et al. 2024), ``ssim_zeros`` continued with zeros (the code of Janati et
al. 2025). ``ssim_luma`` is that of the luminance, rounded to eight bits, as in Matlab and IQA-PyTorch; it does not see
colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity.imports import lean
from posterity.signals import Kind

__all__ = [
    "CONSISTENT_DB",
    "consistent",
    "lr_psnr",
    "niqe",
    "psnr",
    "ssim",
    "ssim_luma",
    "ssim_mirror",
    "ssim_zeros",
    "undefined",
]

CONSISTENT_DB = 45.0
"""Noiseless restorations at or above this agree with the measurement."""
_WINDOW, _WIDTH = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_LEAST = {
    "ssim": (_WINDOW, "SSIM's window has"),
    "ssim_mirror": (_WINDOW, "SSIM's window has"),
    "ssim_zeros": (_WINDOW, "SSIM's window has"),
    "ssim_luma": (_WINDOW, "SSIM's window has"),
    "lpips": (16, "LPIPS needs sides of"),
    "diversity": (16, "LPIPS needs sides of"),
    "coverage": (16, "LPIPS needs sides of"),
    "niqe": (96, "NIQE needs blocks of"),
}
"""Shortest side that a metric can be computed of, in pixels, and why."""


def undefined(metric: str, kind: Kind, shape: Sequence[int]) -> str | None:
    """Return why signals of this kind and ``shape`` (…, H, W) have no such metric; None where they have."""
    if kind.name != "image":
        return f"N/A: {metric} is a number about images, this is an {kind.noun}"
    least, why = _LEAST.get(metric, (1, ""))
    height, width = shape[-2:]
    return None if min(height, width) >= least else f"N/A: {why} {least} px, the image is {height}×{width}"


def _unit(x: Tensor) -> Tensor:
    return ((x + 1) / 2).clamp(0, 1).expand(-1, 3, -1, -1)


@lru_cache
def _metric(name: str, **options: str) -> Any:
    with lean():
        import pyiqa

    return pyiqa.create_metric(name, device=torch.device("cpu"), **options)


def _full_reference(name: str, x: Tensor, truth: Tensor) -> list[float]:
    with torch.no_grad():
        return [float(v) for v in _metric(name)(_unit(x), _unit(truth.expand_as(x))).reshape(-1)]


def psnr(x: Tensor, truth: Tensor) -> list[float]:
    """Peak signal-to-noise ratio in dB of each image."""
    return _full_reference("psnr", x, truth)


def ssim(x: Tensor, truth: Tensor) -> list[float]:
    """Structural similarity of each image, per channel on RGB; sides of 11 pixels or more."""
    return _similarity(x, truth)


def ssim_mirror(x: Tensor, truth: Tensor) -> list[float]:
    """``ssim`` with windows over the border, where the mirror image stands; the border itself is not repeated."""
    return _similarity(x, truth, border="reflect")


def ssim_zeros(x: Tensor, truth: Tensor) -> list[float]:
    """``ssim`` with windows over the border, where zeros stand: black."""
    return _similarity(x, truth, border="constant")


def ssim_luma(x: Tensor, truth: Tensor) -> list[float]:
    """Structural similarity of the luminances, rounded to eight bits."""
    return _full_reference("ssim", x, truth)


def _similarity(x: Tensor, truth: Tensor, border: str | None = None) -> list[float]:
    a, b = _unit(x).double(), _unit(truth.expand_as(x)).double()
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
    return alike.unflatten(0, a.shape[:2]).mean((1, 2, 3)).tolist()


def niqe(x: Tensor, parameters: Path) -> list[float]:
    """NIQE of each image (lower is better); a flat image may have none, and raises torch's LinAlgError.

    Arguments:
        x: images, sides of 96 pixels or more.
        parameters: .mat file of the pristine model.
    """
    metric = _metric("niqe", pretrained_model_path=str(parameters))
    with torch.no_grad():
        return [float(v) for v in metric(_unit(x)).reshape(-1)]


def lr_psnr(y: Tensor, ax: Tensor, seen: Tensor | None = None) -> Tensor:
    """dB of each A x̂ against y, both in [-1, 1] units and clamped there, over the entries ``seen``; NaN without any.

    At most 144.5 dB: measurements are stored in single precision, whose rounding a better agreement
    would only pretend to resolve.
    """
    a, b = ((y + 1) / 2).clamp(0, 1), ((ax + 1) / 2).clamp(0, 1)
    seen = torch.ones_like(a) if seen is None else seen
    mean_square = (seen * (a - b)).double().square().flatten(1).sum(1) / seen.flatten(1).sum(1)
    return -10 * mean_square.clamp(min=2.0**-48).log10()


def consistent(decibels: float) -> bool:
    """The verdict on a noiseless restoration."""
    return decibels >= CONSISTENT_DB
