"""LPIPS-VGG between all images of a pool, with one network pass per image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from posterity.features import pca
from posterity.features.base import Extracted, Features, Given
from posterity.imports import lean

__all__ = ["LEAST", "LPIPS", "Perceptual"]

LEAST = 16
"""Least side of an image in pixels: the resolution of the five maps is halved four times."""


class Perceptual(Features):
    """LPIPS between all samples, and coordinates whose distances these are."""

    needs: ClassVar[frozenset[str]] = frozenset({"images"})
    asset: ClassVar[str | None] = "vgg16"
    least: ClassVar[int] = LEAST
    published: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({"uniformization": {"dimension": 5}})

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.net = LPIPS(self.weights)

    def extract(self, x: Tensor, keep: Tensor | None) -> Extracted:  # noqa: ARG002
        squared = self.net.pairs(x)
        return Extracted(pca.embed(squared), squared)


class _Undrawn(TorchFunctionMode):
    """Skips random initialisation of tensors.

    The package initialises VGG-16 with its classifier, 138 million weights, before loading any.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ARG002
        if func in (Tensor.normal_, Tensor.uniform_) or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


class LPIPS:
    """The `lpips` package's network with the backbone from a file.

    The heads' weights are non-negative, so LPIPS is a squared Euclidean distance between weighted,
    normalised feature maps, and one Gram matrix gives all pairs.

    Arguments:
        weights: safetensors with torchvision's names, ``features.N.weight`` and ``.bias``.
    """

    def __init__(self, weights: Path) -> None:
        with lean():
            import lpips
        from safetensors.torch import load_file

        with _Undrawn():
            self.net = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
        state = {k: v for k, v in load_file(weights).items() if k.startswith("features.")}
        own = self.net.net.state_dict()
        # slice3.10.weight is torchvision's features.10.weight
        self.net.net.load_state_dict({k: state[f"features.{k.split('.', 1)[1]}"] for k in own})
        # convolutions on a CPU are a sixth faster with the channels innermost
        self.net.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def maps(self, images: Tensor, batch: int = 16) -> list[Tensor]:
        """Return five maps (N, features) of images (N, 1 or 3, H, W) in [-1, 1]; squared distances sum to LPIPS."""
        layers: list[list[Tensor]] = [[] for _ in range(5)]
        for part in images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last).split(batch):
            out = self.net.net(self.net.scaling_layer(part))
            for k, (f, head) in enumerate(zip(out, self.net.lins, strict=True)):
                f = f.movedim(1, -1)
                length = torch.linalg.vector_norm(f, dim=-1, keepdim=True) + 1e-10
                scale = (head.model[-1].weight.flatten().clamp(min=0) / (f.shape[1] * f.shape[2])).sqrt()
                layers[k].append((f / length * scale).flatten(1))
        return [torch.cat(parts) for parts in layers]

    def distances(self, x: Tensor, y: Tensor, batch: int = 16) -> Tensor:
        """Return the LPIPS of each image of x and the one of y in its place, (N, C, H, W) and as many → (N,)."""
        parts = []
        for one, other in zip(x.split(batch), y.split(batch), strict=True):
            layers = zip(self.maps(one), self.maps(other), strict=True)
            parts.append(sum(((a - b).square().sum(1) for a, b in layers), torch.zeros(len(one))))
        return torch.cat(parts)

    def pairs(self, images: Tensor) -> NDArray[np.floating[Any]]:
        """Return LPIPS (N, N) between images (N, 3, H, W) in [-1, 1]."""
        return squared(self.maps(images))


def squared(layers: list[Tensor], block: int = 1 << 16) -> NDArray[np.floating[Any]]:
    """Return squared Euclidean distances (N, N) from the centred float64 Gram matrix, accurate for close images too."""
    n = len(layers[0])
    gram = torch.zeros(n, n, dtype=torch.float64)
    for layer in layers:
        for part in layer.split(block, dim=1):
            centred = part.double()
            centred -= centred.mean(0)
            gram.addmm_(centred, centred.T)
    d = gram.diagonal()
    out = (d[:, None] + d[None] - 2 * gram).clamp(min=0)
    return out.fill_diagonal_(0).numpy()
