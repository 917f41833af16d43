"""Priors: denoisers E[x0 | x_t] with their noise schedules, in closed form where the exact posterior is needed."""

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
    """Build the prior that ``settings`` describe: in closed form from a data set, or a network from a file.

    Arguments:
        settings: ``kind``, a file of :mod:`posterity.priors.families`, and that family's settings; errors use ``name``.
            An ``autoencoder`` is given by its settings; the prior is then over states, with its bandwidth in their
            units. A patch PCA (:func:`posterity.priors.autoencoders.fit`) is fitted to the images that have weight and
            belong to its split, if it names one; a network comes from the file ``autoencoder``.
        images: signals (K, *signal); the modes of the prior are row numbers of it, for every split.
        labels: the rows of items.parquet, in the order of ``images``.
        regions: masks (H, W) by name.
        shape: (*signal), the shape of the signals to restore.
        weights: safetensors of a network with card.json in its folder, or a restorer's published file.
        device: where a network computes; closed forms compute on the CPU.
        autoencoder: safetensors of an autoencoder network, with card.json in its folder.

    Raises:
        PosterityError: if the kind is unknown, or settings are invalid, in themselves or for these signals.
    """
    from posterity.priors import families
    from posterity.priors.families.base import Known

    family = families.find(str(settings.get("kind"))).of(settings)
    name = str(settings.get("name"))
    return family.build(Known(images, labels, regions, tuple(shape), weights, autoencoder, device, name))
