"""Priors: a denoiser E[x0 | x_t] with its noise schedule, closed-form where the truth must be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from posterity.priors.base import Prior

__all__ = ["build"]


def build(
    settings: Mapping[str, Any],
    images: Tensor,
    labels: Sequence[Mapping[str, Any]],
    regions: Mapping[str, Tensor],
    shape: Sequence[int],
    weights: Path | None = None,
    device: torch.device | str = "cpu",
    autoencoder: Path | None = None,
) -> Prior:
    """Return the prior that ``settings`` describe: closed-form, made from a data set, or a network from a file.

    Arguments:
        settings: ``kind``, a file of :mod:`posterity.priors.families`, and that family's settings; ``name`` is used in
            errors. An ``autoencoder`` is given by its settings, and the prior is then of states, in whose units its
            bandwidth is. A patch PCA (:func:`posterity.priors.autoencoders.fit`) is fitted to the images that have
            weight and, where it names a split, are of that; a network comes from the file ``autoencoder``.
        images: signals (K, *signal); the modes of the prior are row numbers of it, for every split.
        labels: the rows of items.parquet, in the order of ``images``.
        regions: masks (H, W) by name.
        shape: (*signal) of the signals that the prior must speak of.
        weights: safetensors of a network, with its card beside it, or a restorer's published file.
        device: where a network computes; closed forms compute on the CPU.
        autoencoder: safetensors of an autoencoder that is a network, with its card beside it.

    Raises:
        PosterityError: for an unknown kind, and for settings that are impossible, or impossible for these signals.
    """
    from posterity.priors import families
    from posterity.priors.families.base import Known

    family = families.find(str(settings.get("kind"))).of(settings)
    name = str(settings.get("name"))
    return family.build(Known(images, labels, regions, tuple(shape), weights, autoencoder, device, name))
