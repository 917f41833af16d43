"""The blockwise kernel prior: regions are independent within a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema
from torch import Tensor

from posterity.priors import _settings
from posterity.priors.base import Prior
from posterity.priors.blocks import Blocks
from posterity.priors.families._closed import NAME, Bandwidth, Closed, Split, Weights, positive

__all__ = ["BlocksFamily"]

_REGIONS = WithJsonSchema({"type": "array", "items": NAME, "uniqueItems": True, "minItems": 1})


@dataclass(frozen=True)
class BlocksFamily(Closed):
    """A kernel prior per region and for the complement; overlaps belong to the earlier region."""

    closed_form = frozenset({"pixelwise"})
    about = "a kernel prior for each region of the image, independent within groups of one base colour"

    regions: Annotated[Sequence[str], _REGIONS]
    bandwidth: Annotated[float, Bandwidth("h, in the units of x")] = 0.05
    split: Split = "all"
    weights: Weights = "uniform"
    groups: Annotated[str, WithJsonSchema({"enum": ["colour", "none"]})] = "none"

    def made(self, images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:
        bandwidth, partition = positive(self.bandwidth), _settings.partition(self.regions, regions)
        return Blocks(images, shares, bandwidth, _settings.groups(self.groups, images), partition)
