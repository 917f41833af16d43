"""Distance of individual restorations from the truth."""

from __future__ import annotations

from posterity.tables import _runs
from posterity.tables.cells import Cell
from posterity.tables.frames import KEYS, Frames

__all__ = ["CAPTION", "NEEDS", "ROWS", "TITLE", "cells"]

NEEDS = ("metrics",)
ROWS = KEYS
TITLE = "Quality"
CAPTION = (
    "PSNR in dB and SSIM (higher is nearer to the truth; per channel on RGB, Gaussian window, data range 1), LPIPS "
    "(lower is nearer), of single samples. "
    "Posterior samples do not minimise this distance: the posterior mean has the best PSNR."
)


def cells(frames: Frames) -> list[Cell]:
    """Return one row per run."""
    return _runs.table(frames, ("psnr", "ssim", "lpips"))
