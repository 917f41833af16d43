"""The Inception-v3 features of the Fréchet Inception distance (Heusel et al. 2017)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posterity.imports import lean

__all__ = ["inception", "network"]


def network() -> nn.Module:
    """Return torchvision's Inception-v3 with the pooling layers of FID's TensorFlow network, without weights."""
    with lean():
        from pyiqa.archs import inception as fid
        from torchvision.models import inception_v3

    net = inception_v3(weights=None, num_classes=1008, aux_logits=False, transform_input=False, init_weights=False)
    for name, channels, pooled in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
        setattr(net, f"Mixed_{name}", fid.FIDInceptionA(channels, pool_features=pooled))
    for name, inside in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        setattr(net, f"Mixed_{name}", fid.FIDInceptionC(768, channels_7x7=inside))
    net.Mixed_7b, net.Mixed_7c = fid.FIDInceptionE_1(1280), fid.FIDInceptionE_2(2048)
    return net


def inception(images: Tensor, weights: Path, batch: int = 16) -> NDArray[np.floating[Any]]:
    """Return features (N, 2048) of images (N, 1 or 3, H, W) in [-1, 1]: the last pooling layer at 299×299 (bilinear).

    Arguments:
        images: images of any size.
        weights: pt_inception-2015-12-05-6726825d.pth, read as tensors only; no code in it is run.
        batch: images per network pass.
    """
    net = network()
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    net.fc = nn.Identity()
    net.eval()
    out = []
    with torch.no_grad():
        for part in images.float().clamp(-1, 1).expand(-1, 3, -1, -1).split(batch):
            large = nn.functional.interpolate(part, size=(299, 299), mode="bilinear", align_corners=False)
            out.append(net(large))
    return torch.cat(out).double().numpy()
