"""Autoencoders: from signals to the states that a latent prior knows, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError
from posterity.priors.autoencoders.base import Autoencoder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Autoencoder", "fit", "state_shape"]


def fit(settings: Mapping[str, Any], images: Tensor) -> Autoencoder:
    """Return the autoencoder that ``settings`` describe, fitted to images (N, C, H, W); the same for the same images.

    Settings:
        kind: "patch_pca".
        patch: side of a patch in pixels.
        components: channels of a state.
        split: of the images, which the caller has chosen.

    Raises:
        PosterityError: when the images cannot have such an autoencoder.
    """
    from posterity.priors.autoencoders.affine import PatchPCA

    if settings.get("kind") != "patch_pca":
        raise PosterityError(f"autoencoder kind {settings.get('kind')!r} is none of 'patch_pca'")
    return PatchPCA.fit(images, settings["patch"], settings["components"])


def state_shape(settings: Mapping[str, Any], signal_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of the states that signals of this shape would have, as far as it can be known without them.

    Raises:
        PosterityError: when such signals cannot have this autoencoder.
    """
    from posterity.priors.autoencoders.affine import patch_entries

    patch, components = settings["patch"], settings["components"]
    most = patch_entries(tuple(signal_shape), patch)
    if components > most:
        raise PosterityError(f"autoencoder: {components} components of patches of {most} numbers; choose 1 to {most}")
    return components, signal_shape[1] // patch, signal_shape[2] // patch
