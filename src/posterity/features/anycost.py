"""Deep features of AnyCost-GAN's attribute predictor, a ResNet-50 (Cohen et al. 2024, Sec. 4 and App. E)."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posterity.errors import PosterityError
from posterity.features.base import Extracted, Features
from posterity.imports import lean

__all__ = ["AnyCost", "anycost"]


class AnyCost(Features):
    """Deep features of AnyCost-GAN's attribute predictor."""

    needs: ClassVar[frozenset[str]] = frozenset({"images"})
    asset: ClassVar[str | None] = "anycost"

    def extract(self, x: Tensor, keep: Tensor | None) -> Extracted:  # noqa: ARG002
        return Extracted.of(anycost(x, self.weights))


def anycost(images: Tensor, weights: Path, batch: int = 16) -> NDArray[np.floating[Any]]:
    """Return features (N, 32768) of images (N, 3, H, W) in [-1, 1]: first ReLU of the last stage's second bottleneck.

    Arguments:
        images: the pool; resized to 256×256, the predictor's training size.
        weights: the published file, a dict with ``state_dict``.
        batch: images per network pass.

    Raises:
        PosterityError: if the file doesn't hold this network.
    """
    with lean():
        from torchvision.transforms import functional as transform

    net = _load(weights)
    trunk = nn.Sequential(
        net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4[0]
    )  # fmt: skip
    second = net.layer4[1]
    head = nn.Sequential(second.conv1, second.bn1, nn.ReLU())
    out = []
    with torch.no_grad():
        for part in images.float().split(batch):
            x = transform.resize(part.clamp(-1, 1), [256, 256], antialias=True)
            out.append(head(trunk(x)).flatten(1))
    return torch.cat(out).double().numpy()


def _load(weights: Path) -> Any:
    with lean():
        from torchvision.models import resnet50

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
        with torch.device("meta"):
            net = resnet50(weights=None, num_classes=80)
        net.load_state_dict(state, assign=True)
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        why = " ".join(str(error).split())[:200]
        raise PosterityError(f"{weights} does not hold AnyCost-GAN's attribute predictor ({why})") from error
    if not all(bool(v.isfinite().all()) for v in state.values() if v.is_floating_point()):
        raise PosterityError(f"{weights} holds weights that are not finite")
    return net.eval()
