"""Sheets of a network's samples and of the training images nearest to them."""

from __future__ import annotations

import io
from itertools import pairwise

import torch
from torch import Tensor

from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise
from posterity.diffusion.steps import predicted_noise
from posterity.imports import lean
from posterity.priors.base import Prior

__all__ = ["draw", "grid", "nearest"]


@torch.no_grad()
def draw(prior: Prior, count: int, steps: int, seed: int) -> Tensor:
    """Unconditional samples by DDIM with η = 0, (count, *signal)."""
    x = Noise(seed, ["sheet"] * count, range(count), prior.dtype, prior.device).normal("start", 0, prior.state_shape)
    for t, s in pairwise([*prior.schedule.grid(steps, "spaced"), CLEAN]):
        x0 = prior.predict(x, t).x0
        if prior.bounds is not None:
            x0 = x0.clamp(*prior.bounds)
        x = s.signal * x0 + s.noise * predicted_noise(x, x0, t)
    return prior.decode(x).cpu()


def nearest(samples: Tensor, images: Tensor, mirrored: bool) -> Tensor:
    """Return for each sample the closest training image (Euclidean), mirrored ones too if these were trained on."""
    known = torch.cat([images, images.flip(-1)]) if mirrored else images
    return known[torch.cdist(samples.flatten(1).float(), known.flatten(1).float()).argmin(1)]


def grid(pictures: Tensor, columns: int, zoom: int) -> bytes:
    """PNG bytes of images (N, C, H, W) row by row, pixels enlarged ``zoom`` times, with a margin between them."""
    with lean():
        from torchvision.transforms.functional import to_pil_image
        from torchvision.utils import make_grid

    shown = ((pictures.clamp(-1, 1) + 1) / 2).repeat_interleave(zoom, 2).repeat_interleave(zoom, 3)
    buffer = io.BytesIO()
    to_pil_image(make_grid(shown.float(), nrow=columns, padding=4, pad_value=0.85)).save(buffer, format="PNG")
    return buffer.getvalue()
