"""Augmentation of training images, for small data sets."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["AUGMENTATIONS", "seen"]

AUGMENTATIONS = ("none", "mirror", "all")


def seen(x: Tensor, augment: str, rng: np.random.Generator) -> Tensor:
    """Augment an image (C, H, W) for one training step.

    Arguments:
        x: the image.
        augment: "none"; "mirror", with probability one half; "all": also rotated by multiples of 90°, and recoloured by
            permuting its channels.
        rng: source of the choices.
    """
    if augment != "none" and rng.random() < 0.5:
        x = x.flip(-1)
    if augment != "all":
        return x
    turned = x.rot90(int(rng.integers(4)), (-2, -1)) if x.shape[-1] == x.shape[-2] else x
    return turned[torch.from_numpy(rng.permutation(len(x)))]
