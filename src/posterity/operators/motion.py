"""Motion blur with one random kernel per image (the camera shake model of DPS, MGPS).

The kernel is a random poly-line, drawn at twice the size, smoothed and downscaled. The random generator is
explicit and nothing is rounded to eight bits, so kernels resemble the published script's without equalling them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._batch import take
from posterity.operators._settings import finite, whole
from posterity.operators.base import Operator
from posterity.operators.convolution import correlate, correlate_adjoint

__all__ = ["MotionBlur", "motion_kernel"]

_LARGEST = 1023


def motion_kernel(size: int, intensity: float, rng: np.random.Generator) -> Tensor:
    """Draw a kernel (size, size) in float32, ≥ 0 with sum 1; ``intensity`` in [0, 1] bends the path."""
    if whole("size", size, 3) > _LARGEST:
        raise PosterityError(f"size is {size}, expected at most {_LARGEST} pixels")
    if size % 2 == 0:
        raise PosterityError(f"size is {size}, expected an odd number of pixels: a kernel has a centre")
    intensity = finite("intensity", intensity, 0, 1)
    points = _path(size, intensity, rng)
    canvas = np.zeros((2 * size, 2 * size))
    for a, b in pairwise(points):
        dots = a + (b - a) * np.linspace(0, 1, 2 + int(4 * abs(b - a)))
        rows, columns = np.rint(dots.imag).astype(int), np.rint(dots.real).astype(int)
        inside = (rows >= 0) & (rows < 2 * size) & (columns >= 0) & (columns < 2 * size)
        canvas[rows[inside], columns[inside]] = 1
    softened = _reduction(size, round(0.01 * 2 * size * math.sqrt(2)))
    kernel = (softened @ canvas @ softened.T).clip(min=0)
    return torch.from_numpy((kernel / kernel.sum()).astype(np.float32))


def _path(size: int, intensity: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the corners of the poly-line as complex numbers (n,), on a canvas of side 2 · size."""
    diagonal = 2 * size * math.sqrt(2)
    longest = 0.75 * diagonal * (rng.uniform() + rng.uniform(0, intensity**2))
    steps: list[float] = []
    while sum(steps) <= longest:
        step = rng.beta(1, 30) * (1 - intensity + 0.1) * diagonal
        if step < longest:
            steps.append(step)
    widest = rng.uniform(0, intensity * math.pi)
    jitter = rng.beta(2, 20)
    angles = [rng.uniform(-widest, widest)]
    for _ in steps[1:]:
        sign = math.copysign(1, angles[-1]) * (-1 if rng.uniform() < jitter else 1)
        angles.append(sign * rng.triangular(0, intensity * widest, widest + 0.1))
    points = np.concatenate([[0], np.cumsum(np.array(steps) * np.exp(1j * np.array(angles)))])
    turned = (points - points.mean()) * np.exp(1j * rng.uniform(0, math.pi))
    return turned + (size - 0.5) * (1 + 1j)


def _reduction(size: int, radius: int) -> np.ndarray:
    """Return the matrix (size, 2 size) of a Gaussian of σ = ``radius`` followed by Lanczos-3 downscaling by 2."""
    i = np.arange(2 * size)
    gauss = np.exp(-((i[:, None] - i) ** 2) / (2 * max(radius, 1e-3) ** 2))
    u = (i - (2 * np.arange(size)[:, None] + 0.5)) / 2
    lanczos = np.where(np.abs(u) < 3, np.sinc(u) * np.sinc(u / 3), 0)
    return (lanczos / lanczos.sum(1, keepdims=True)) @ (gauss / gauss.sum(1, keepdims=True))


@dataclass(frozen=True, eq=False)
class MotionBlur(Operator):
    """Correlates with ``kernel`` under reflection padding; y has x's shape (B, C, H, W).

    Arguments:
        kernel: (B, 1, k, k) or (1, 1, k, k), k odd, ≥ 0 and summing to 1.
        signal_shape: (C, H, W).
    """

    kernel: Tensor
    signal_shape: tuple[int, ...]
    has = frozenset({"linear", "adjoint"})

    def forward(self, x: Tensor) -> Tensor:
        return correlate(x, self.kernel)

    def adjoint(self, y: Tensor) -> Tensor:
        return correlate_adjoint(y, self.kernel)

    def rows(self, index: Tensor) -> MotionBlur:
        return MotionBlur(take(self.kernel, index), self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> MotionBlur:
        return MotionBlur(self.kernel.to(device=device, dtype=dtype), self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"kernel": self.kernel}
