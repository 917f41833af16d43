"""Autoencoders: from signals to the states of a latent prior, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError
from posterity.priors.autoencoders.base import Autoencoder

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["KINDS", "Autoencoder", "fit", "from_file", "state_shape"]

KINDS = ("network", "patch_pca")
"""One from a file, and one fitted to the images that a prior knows."""


def fit(settings: Mapping[str, Any], images: Tensor) -> Autoencoder:
    """Return the autoencoder that ``settings`` describe, fitted to images (N, C, H, W); the same for the same images.

    Settings:
        kind: "patch_pca".
        patch: side of a patch in pixels.
        components: channels of a state.
        split: the split of the images, already selected by the caller.

    Raises:
        PosterityError: if the images cannot have such an autoencoder.
    """
    from posterity.priors.autoencoders.affine import PatchPCA

    if settings.get("kind") != "patch_pca":
        raise PosterityError(f"autoencoder kind {settings.get('kind')!r} is none of 'patch_pca'")
    return PatchPCA.fit(images, settings["patch"], settings["components"])


def from_file(
    settings: Mapping[str, Any], weights: Path | None, shape: Sequence[int], device: torch.device | str = "cpu"
) -> Autoencoder:
    """Return the network that ``settings`` describe.

    Arguments:
        settings: ``kind``, "network"; ``name``, for errors; ``quantise_in_guidance``, see
            :class:`posterity.priors.autoencoders.network.NetworkAutoencoder`.
        weights: safetensors with card.json in their folder.
        shape: (*signal), the shape of the signals.
        device: where it computes.

    Raises:
        PosterityError: if it is missing, or for signals of another shape.
    """
    from posterity.priors.autoencoders.network import load

    if weights is None:
        told = f"autoencoder {settings.get('name')!r} is a network: name the file of its weights (--autoencoder)"
        raise PosterityError(told)
    found = load(weights, device, settings.get("quantise_in_guidance", True))
    if found.signal_shape != tuple(shape):
        told = f"{weights} is an autoencoder of images of shape {found.signal_shape}"
        raise PosterityError(f"{told}, these have shape {tuple(shape)}")
    return found


def state_shape(settings: Mapping[str, Any], signal_shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape of the states that signals of this shape would have; None if only a network's card has it.

    Raises:
        PosterityError: if such signals cannot have this autoencoder.
    """
    from posterity.priors.autoencoders.affine import patch_entries

    if settings["kind"] == "network":
        return None
    patch, components = settings["patch"], settings["components"]
    most = patch_entries(tuple(signal_shape), patch)
    if components > most:
        raise PosterityError(f"autoencoder: {components} components of patches of {most} numbers; choose 1 to {most}")
    return components, signal_shape[1] // patch, signal_shape[2] // patch
