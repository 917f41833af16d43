"""Autoencoders with an affine decoder, which keep known posteriors known."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.autoencoders.base import Autoencoder
from posterity.priors.card import beside

__all__ = ["Orthonormal", "PatchPCA", "patch_entries"]

_ORTHONORMAL = 1e-5
"""How far QᵀQ may be from I in any entry."""
_KIND = "patch_pca"


def _require_orthonormal(matrix: Tensor) -> None:
    off = float((matrix.T @ matrix - torch.eye(matrix.shape[1]).to(matrix)).abs().max())
    if not off < _ORTHONORMAL:
        raise PosterityError(f"a decoder's matrix has columns that are not orthonormal: QᵀQ is {off:.1g} off I")


@dataclass(frozen=True)
class Orthonormal(Autoencoder):
    """D(z) = Q z with orthonormal columns, and the encoder Qᵀ.

    Arguments:
        matrix: Q, (d, k), for d entries of a signal and k of a state; refused unless orthonormal.
        signal_shape: shape of one signal.
        state_shape: shape of one state.
    """

    matrix: Tensor
    signal_shape: tuple[int, ...]
    state_shape: tuple[int, ...]
    affine = True

    def __post_init__(self) -> None:
        shape = tuple(torch.Size(each).numel() for each in (self.signal_shape, self.state_shape))
        if tuple(self.matrix.shape) != shape:
            raise PosterityError(f"a decoder's matrix has shape {tuple(self.matrix.shape)}, expected {shape}")
        _require_orthonormal(self.matrix)

    def decode(self, z: Tensor, /) -> Tensor:
        return (z.flatten(1) @ self.matrix.T.to(z)).unflatten(1, self.signal_shape)

    def encode(self, x: Tensor, /) -> Tensor:
        return (x.flatten(1) @ self.matrix.to(x)).unflatten(1, self.state_shape)


@dataclass(frozen=True)
class PatchPCA(Autoencoder):
    r"""Principal components of patches: D(z) = c + V z/s and E(x) = s Vᵀ(x - c) on every p × p patch.

    A state keeps the layout of the image, (k, H/p, W/p). With a patch as large as the image this is PCA of whole
    images. s makes the standard deviation of all numbers of the states of its images 1.

    Arguments:
        matrix: V, (C·p², k), orthonormal columns.
        centre: c, (C·p²,), the mean patch.
        scale: s > 0.
        signal_shape: (C, H, W), of sides that are multiples of p.
        patch: p.
    """

    matrix: Tensor
    centre: Tensor
    scale: float
    signal_shape: tuple[int, ...]
    patch: int
    affine = True

    def __post_init__(self) -> None:
        entries = patch_entries(self.signal_shape, self.patch)
        fits = self.matrix.ndim == 2 and len(self.matrix) == entries and 1 <= self.matrix.shape[1] <= entries
        if not fits or tuple(self.centre.shape) != (entries,):
            raise PosterityError(
                f"components of shape {tuple(self.matrix.shape)} and a mean of shape {tuple(self.centre.shape)} "
                f"are not those of patches of {entries} numbers"
            )
        if not (0 < self.scale < math.inf):
            raise PosterityError(f"an autoencoder's scale {self.scale!r} is not a positive number")
        _require_orthonormal(self.matrix)

    @property
    def state_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """(k, H/p, W/p)."""
        _, height, width = self.signal_shape
        return self.matrix.shape[1], height // self.patch, width // self.patch

    def decode(self, z: Tensor, /) -> Tensor:
        patches = z.movedim(1, -1) @ (self.matrix.T / self.scale).to(z) + self.centre.to(z)
        return torch.nn.functional.pixel_shuffle(patches.movedim(-1, 1), self.patch)

    def encode(self, x: Tensor, /) -> Tensor:
        patches = torch.nn.functional.pixel_unshuffle(x, self.patch).movedim(1, -1)
        return ((patches - self.centre.to(x)) @ (self.scale * self.matrix).to(x)).movedim(-1, 1)

    @classmethod
    def fit(cls, images: Tensor, patch: int, components: int) -> PatchPCA:
        """Return the first principal components of the patches of images (N, C, H, W).

        Raises:
            PosterityError: if the patch does not tile the images, or they have fewer directions than components.
        """
        shape = tuple(images.shape[1:])
        entries = patch_entries(shape, patch)
        rows = torch.nn.functional.pixel_unshuffle(images.double(), patch).movedim(1, -1).reshape(-1, entries)
        centre = rows.mean(0)
        variances, vectors = _principal(rows - centre)
        varied = int((variances > 1e-12 * variances[0]).sum())
        if not 1 <= components <= varied:
            raise PosterityError(
                f"{components} components: {len(rows)} patches of {entries} numbers vary in {varied} directions; "
                f"choose 1 to {varied}"
            )
        matrix = vectors[:, :components]
        signs = matrix.gather(0, matrix.abs().argmax(0, keepdim=True)).sign()
        return cls(matrix * signs, centre, float(variances[:components].mean() ** -0.5), shape, patch)

    def save(self, path: Path) -> None:
        """Write safetensors to ``path``, and card.json, which describes them, to the same folder."""
        from safetensors.torch import save

        content = save({"matrix": self.matrix.contiguous(), "centre": self.centre.contiguous()})
        card = {
            "kind": _KIND,
            "signal_shape": list(self.signal_shape),
            "state_shape": list(self.state_shape),
            "patch": self.patch,
            "scale": self.scale,
            "weights": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)},
        }
        path.write_bytes(content)
        path.with_name("card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> PatchPCA:
        """Return what :meth:`save` wrote to ``path``, to the last bit.

        Raises:
            PosterityError: if a file is missing, damaged or of another kind.
        """
        from posterity.priors.loading import read

        card, about = beside(path, "it should hold an autoencoder"), path.with_name("card.json")
        if not isinstance(card, dict) or card.get("kind") != _KIND:
            found = card.get("kind") if isinstance(card, dict) else card
            raise PosterityError(f"{about}: kind is {found!r:.60}, expected {_KIND!r}")
        weights, shape = card.get("weights", {}), card.get("signal_shape", [])
        for key, fits, expected in (
            ("weights", isinstance(weights, dict), "their SHA-256"),
            ("signal_shape", isinstance(shape, list) and {type(n) for n in shape} == {int}, "whole numbers"),
            ("patch", type(card.get("patch")) is int, "a whole number"),
            ("scale", type(card.get("scale")) is float, "a number"),
        ):
            if not fits:
                raise PosterityError(f"{about}: {key} is {card.get(key)!r:.60}, expected {expected}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != weights.get("sha256"):
            raise PosterityError(f"{path} is not the file that its card.json describes; get or fit it again")
        tensors = read(path)
        if set(tensors) != {"matrix", "centre"}:
            raise PosterityError(f"{path} holds {', '.join(sorted(tensors))}, expected centre, matrix")
        return cls(tensors["matrix"], tensors["centre"], card["scale"], tuple(shape), card["patch"])


def patch_entries(shape: tuple[int, ...], patch: int) -> int:
    """Return C·p², the number of entries of a patch; patches must tile signals of this shape."""
    if len(shape) != 3 or patch < 1 or any(side % patch for side in shape[1:]):
        raise PosterityError(f"patches of {patch} × {patch} do not tile signals of shape {tuple(shape)}")
    return shape[0] * patch**2


def _principal(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return variances (r,), the largest first, and directions (d, r) of centred rows (n, d), r = min(n, d)."""
    count, entries = rows.shape
    if count < entries:
        _, singulars, directions = torch.linalg.svd(rows, full_matrices=False)
        return singulars.square() / count, directions.T
    values, vectors = torch.linalg.eigh(rows.T @ rows / count)
    return values.flip(0).clamp(min=0), vectors.flip(1)
