"""Reconstruction error of images, compared with patch PCA with states of the same shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.features.lpips import LPIPS
from posterity.priors.autoencoders.affine import PatchPCA
from posterity.priors.autoencoders.base import Autoencoder

__all__ = ["Examination", "alike", "examine"]

_BATCH = 16


@dataclass(frozen=True)
class Examination:
    """Means over images.

    Arguments:
        psnr: in dB, of images in [-1, 1].
        lpips: VGG; None without its weights.
    """

    psnr: float
    lpips: float | None

    def rounded(self) -> dict[str, float | None]:
        """Return both, rounded as in a card."""
        return {"psnr": round(self.psnr, 2), "lpips": None if self.lpips is None else round(self.lpips, 4)}


@torch.no_grad()
def examine(autoencoder: Autoencoder, images: Tensor, vgg: Path | None = None) -> Examination:
    """Return the reconstruction error of images (N, C, H, W).

    Arguments:
        autoencoder: an autoencoder of such images.
        images: in [-1, 1].
        vgg: weights of VGG-16, for LPIPS.
    """
    back = torch.cat([autoencoder.decode(autoencoder.encode(part)) for part in images.split(_BATCH)]).clamp(-1, 1)
    error = (back - images).square().flatten(1).mean(1)
    psnr = float((10 * (4 / error).log10()).mean())
    return Examination(psnr, None if vgg is None else float(LPIPS(vgg).distances(images.float(), back.float()).mean()))


def alike(images: Tensor, states: tuple[int, ...]) -> PatchPCA | None:
    """Return the patch PCA of images (N, C, H, W) whose states have this shape; None if there is none."""
    (_, height, width), (components, rows, columns) = images.shape[1:], states
    if height % rows or height // rows * columns != width:
        return None
    try:
        return PatchPCA.fit(images, height // rows, components)
    except PosterityError:
        return None
