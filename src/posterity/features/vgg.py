"""VGG-16's last pooling layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posterity.features.base import Extracted, Features
from posterity.imports import lean

__all__ = ["Vgg", "vgg"]


class Vgg(Features):
    """VGG-16's last pooling layer."""

    needs: ClassVar[frozenset[str]] = frozenset({"images"})
    asset: ClassVar[str | None] = "vgg16"

    def extract(self, x: Tensor, keep: Tensor | None) -> Extracted:  # noqa: ARG002
        return Extracted.of(vgg(x, self.weights))


def vgg(images: Tensor, weights: Path, batch: int = 16) -> NDArray[np.floating[Any]]:
    """Return features (N, 25088) of images (N, 1 or 3, H, W) in [-1, 1]: resize 256, crop 224, ImageNet statistics.

    Arguments:
        images: the pool.
        weights: safetensors with torchvision's names, ``features.N.weight`` and ``.bias``.
        batch: images per network pass.
    """
    from safetensors.torch import load_file

    with lean():
        from torchvision.models import vgg16
        from torchvision.transforms import functional as transform

    with torch.device("meta"):  # the classifier head is neither stored nor needed
        net = vgg16(weights=None).features
    state = {k.removeprefix("features."): v for k, v in load_file(weights).items() if k.startswith("features.")}
    net.load_state_dict(state, assign=True)
    net.eval()
    out = []
    with torch.no_grad():
        for part in images.split(batch):
            x = ((part + 1) / 2).clamp(0, 1).expand(-1, 3, -1, -1)
            x = transform.center_crop(transform.resize(x, [256], antialias=True), [224, 224])
            x = transform.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
            out.append(net(x).flatten(1))
    return torch.cat(out).double().numpy()
