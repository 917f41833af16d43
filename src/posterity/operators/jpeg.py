"""Differentiable JPEG (Shin and Song 2017), and the real codec for comparison.

The surrogate neither rounds nor clips its quantisation tables, so at low quality it is coarser than a
real encoder.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._settings import finite
from posterity.operators.base import Operator

__all__ = ["Jpeg", "codec", "cosines", "scale", "tables"]

# Rows are vertical frequencies.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE_CORNER = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))
_TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def scale(quality: float) -> float:
    """Return the factor of the quantisation tables: 25 at quality 2, 1 at 50, 0 at 100."""
    return 50 / quality if quality < 50 else (200 - 2 * quality) / 100


@lru_cache(maxsize=8)
def tables(dtype: torch.dtype, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return the quantisation steps of luminance and chrominance at quality 50, each (8, 8)."""
    chrominance = torch.full((8, 8), 99.0)
    chrominance[:4, :4] = torch.tensor(_CHROMINANCE_CORNER)
    return torch.tensor(_LUMINANCE).to(device, dtype), chrominance.to(device, dtype)


@lru_cache(maxsize=8)
def cosines(dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """Return the orthonormal DCT-II matrix of 8 values, (8, 8); rows are frequencies."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos((2 * k + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.to(device, dtype)


def _soft_round(v: Tensor) -> Tensor:
    """Return ⌊v⌉ + (v - ⌊v⌉)³ elementwise; its gradient is 0 at the integers."""
    return v.round() + (v - v.round()) ** 3


@dataclass(frozen=True, eq=False)
class Jpeg(Operator):
    """Quantises the 8×8 DCT coefficients of Y, and of Cb and Cr at half resolution; y has x's shape (B, 3, H, W).

    Arguments:
        quality: above 0, at most 100.
        signal_shape: (3, H, W), sides divisible by 16.
        soft: round differentiably; otherwise as an encoder does.
        transposed: transpose the tables, as the code of MGPS does.
    """

    quality: float
    signal_shape: tuple[int, ...]
    soft: bool = True
    transposed: bool = False

    def __post_init__(self) -> None:
        finite("quality", self.quality, 0, 100, above=True)
        channels, height, width = self.signal_shape
        if channels != 3 or height % 16 or width % 16:
            raise PosterityError(f"JPEG takes 3 channels and sides divisible by 16, not {channels}×{height}×{width}")

    def forward(self, x: Tensor) -> Tensor:
        colours = x.new_tensor(_TO_YCBCR)
        ycbcr = torch.einsum("kc,bchw->bkhw", colours, (x + 1) * 127.5)
        luminance, chrominance = tables(x.dtype, x.device)
        # Levels are shifted by 128: Y here; for Cb and Cr, adding 128 and subtracting it again cancel.
        y = self._coded(ycbcr[:, :1] - 128, luminance) + 128
        c = self._coded(torch.nn.functional.avg_pool2d(ycbcr[:, 1:], 2), chrominance)
        c = c.repeat_interleave(2, -2).repeat_interleave(2, -1)
        rgb = torch.einsum("ck,bkhw->bchw", torch.linalg.inv(colours), torch.cat([y, c], dim=1))
        return rgb.clamp(0, 255) / 127.5 - 1

    def _coded(self, plane: Tensor, table: Tensor) -> Tensor:
        """Quantise ``plane`` (B, C, H, W) in the DCT domain; same shape."""
        steps = scale(self.quality) * (table.T if self.transposed else table)
        if not steps.any():
            return plane
        matrix = cosines(plane.dtype, plane.device)
        blocks = plane.unflatten(-2, (-1, 8)).unflatten(-1, (-1, 8)).movedim(-3, -2)
        levels = matrix @ blocks @ matrix.T / steps
        levels = _soft_round(levels) if self.soft else levels.round()
        blocks = matrix.T @ (levels * steps) @ matrix
        return blocks.movedim(-2, -3).flatten(-4, -3).flatten(-2)

    def rows(self, index: Tensor) -> Jpeg:  # noqa: ARG002 - nothing differs between rows
        return self


def codec(x: Tensor, quality: int) -> Tensor:
    """Encode and decode (B, 3, H, W) in [-1, 1] with a real codec, 4:2:0; without a gradient."""
    from PIL import Image

    decoded = []
    for picture in ((x.detach().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8):
        buffer = io.BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality, subsampling=2)
        decoded.append(torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1))
    return torch.stack(decoded).to(x) / 127.5 - 1
