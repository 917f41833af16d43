"""Electrocardiograms: (leads, time) in mV, eight independent leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from posterity.signals.base import Kind, Picture

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ECG", "LEADS"]

LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The independent leads in their order; III, aVR, aVL and aVF are linear in I and II."""

_STRIP, _DETAIL = 24, 3
"""Pixel rows per lead, and the supersampling factor of a trace."""
_PER_MV = 12
"""Pixel rows per mV: on ECG paper 10 mm, with 20 mm per lead."""
_INK, _PAPER = (24, 24, 32), (255, 246, 244)


class ECG(Kind):
    """ECGs in mV, without bounds: most records have R waves over 1 mV."""

    name: ClassVar[str] = "ecg"
    noun: ClassVar[str] = "ECG"
    unit: ClassVar[str | None] = "mV"

    def shape(self, size: int) -> tuple[int, ...]:
        return len(LEADS), size

    def fits(self, shape: Sequence[int]) -> bool:
        return len(shape) == 2 and shape[0] == len(LEADS)

    def picture(self, x: Tensor) -> Picture:
        """Draw one trace per lead, stacked, on one scale; (leads, time) → (H, W, 3)."""
        from PIL import Image, ImageDraw

        values = x.detach().cpu().double().numpy()
        leads, time = values.shape
        height = leads * _STRIP
        width = max(math.ceil(height * 3 / 4), min(time, 3 * height))
        page = Image.new("RGB", (width * _DETAIL, height * _DETAIL), _PAPER)
        draw = ImageDraw.Draw(page)
        across = (np.arange(time) + 0.5) * width * _DETAIL / time
        for lead, trace in enumerate(values):
            down = ((lead + 0.5) * _STRIP - np.nan_to_num(trace) * _PER_MV) * _DETAIL
            draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=_INK, width=_DETAIL)
        return np.asarray(page.resize((width, height), Image.Resampling.BOX), dtype=np.uint8)
