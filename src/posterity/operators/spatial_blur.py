"""A spatially varying blur in linear light; it needs no weights.

It stands in for the published network (:mod:`posterity.operators.kernel_wizard`) and has the same properties:
non-uniform, non-linear, differentiable. Four motion kernels are mixed by smooth random weight maps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posterity.operators._batch import take
from posterity.operators.base import Operator
from posterity.operators.convolution import correlate

__all__ = ["SpatialBlur", "bezier_kernel", "code"]

_KERNELS, _SIZE, _GRID = 4, 21, 8
_GAMMA = 2.2
_DARK = 1e-6


def bezier_kernel(rng: np.random.Generator) -> np.ndarray:
    """Draw a kernel (21, 21) with sum 1: the trace of a short bent path, 5 to 19 pixels long."""
    length, angle, bend = rng.uniform(5, 19), rng.uniform(0, math.pi), rng.uniform(-0.3, 0.3)
    t = np.linspace(0, 1, 200)
    # A quadratic Bézier curve from -1/2 to 1/2 whose middle control point is pulled aside.
    path = (t - 0.5) + 2j * bend * t * (1 - t)
    path = path * length / np.abs(np.diff(path)).sum() * np.exp(1j * angle)
    path = path - (path.real.max() + path.real.min()) / 2 - 1j * (path.imag.max() + path.imag.min()) / 2
    kernel = np.zeros((_SIZE, _SIZE))
    rows, columns = path.imag + _SIZE // 2, path.real + _SIZE // 2
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    for i in (0, 1):
        for j in (0, 1):
            weight = np.abs(1 - i - (rows - top)) * np.abs(1 - j - (columns - left))
            np.add.at(kernel, (top + i, left + j), weight)
    return kernel / kernel.sum()


def code(rng: np.random.Generator) -> dict[str, Tensor]:
    """Draw the parameters of a blur: kernels (1, 4, 21, 21) and fields (1, 4, 8, 8) in float32."""
    kernels = np.stack([bezier_kernel(rng) for _ in range(_KERNELS)])
    fields = rng.normal(0, 1.5, (_KERNELS, _GRID, _GRID))
    return {
        name: torch.from_numpy(v.astype(np.float32))[None] for name, v in (("kernels", kernels), ("fields", fields))
    }


@dataclass(frozen=True, eq=False)
class SpatialBlur(Operator):
    """y = response⁻¹(Σ_j w_j ⊙ (κ_j ∗ response(x))), clamped to [-1, 1]; preserves constants; y has x's shape.

    Arguments:
        kernels: κ, (B, J, k, k) or (1, J, k, k), each ≥ 0 and summing to 1.
        fields: coarse random fields (B, J, n, n) or (1, J, n, n); the weights w are their softmax over
            j after bicubic enlargement.
        signal_shape: (C, H, W).
    """

    kernels: Tensor
    fields: Tensor
    signal_shape: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        light = ((x + 1) / 2).clamp(min=0).pow(_GAMMA).clamp(min=_DARK)
        sides = self.signal_shape[1:]
        weights = torch.nn.functional.interpolate(self.fields, size=sides, mode="bicubic").softmax(dim=1)
        blurred = (weights[:, None] * correlate(light[:, :, None], self.kernels[:, None])).sum(2)
        # Kernels and light are positive; the transforms may leave rounding errors below 0.
        return 2 * blurred.clamp(min=_DARK).pow(1 / _GAMMA).clamp(max=1) - 1

    def rows(self, index: Tensor) -> SpatialBlur:
        return SpatialBlur(take(self.kernels, index), take(self.fields, index), self.signal_shape)

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> SpatialBlur:
        kernels, fields = (t.to(device=device, dtype=dtype) for t in (self.kernels, self.fields))
        return SpatialBlur(kernels, fields, self.signal_shape)

    def parameters(self) -> Mapping[str, Tensor]:
        return {"kernels": self.kernels, "fields": self.fields}
