"""The kernel prior: a real dataset as a mixture of Gaussians."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WithJsonSchema
from torch import Tensor

from posterity.priors.atoms import Atoms
from posterity.priors.base import Prior
from posterity.priors.families._closed import Autoencoder, Bandwidth, Closed, Split, Weights, positive
from posterity.priors.kernel import Kernel

__all__ = ["KernelFamily"]

_H = (
    "h, in the units of x, or of states with an autoencoder; 0 makes a prior of the images themselves, whose "
    "probabilities are known under noise for every operator and through every decoder"
)


@dataclass(frozen=True)
class KernelFamily(Closed):
    """A Gaussian around every item; ``mirror`` adds mirrored images, whose modes follow those of the originals."""

    closed_form = frozenset({"svd"})
    about = "a Gaussian of bandwidth h around every image of a data set"

    bandwidth: Annotated[float, Bandwidth(_H, points=True)] = 0.1
    split: Split = "all"
    mirror: Annotated[
        bool | None,
        WithJsonSchema(
            {
                "type": "boolean",
                "description": "adds the mirror image of every image; default false",
            }
        ),
    ] = None
    autoencoder: Annotated[
        Mapping[str, Any] | None,
        Autoencoder("makes it a prior over this autoencoder's states, with the bandwidth in their units"),
    ] = None
    weights: Weights = "uniform"

    def made(self, images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:  # noqa: ARG002
        if self.bandwidth == 0 and not isinstance(self.bandwidth, bool):
            return Atoms(images, shares)
        return Kernel(images, shares, positive(self.bandwidth))
