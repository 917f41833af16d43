"""Template: in one line. A kernel prior whose width is that of the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from posterity.priors.base import Prior
from posterity.priors.families._closed import Closed, Split, positive
from posterity.priors.kernel import Kernel

__all__ = ["Template"]


@dataclass(frozen=True)
class Template(Closed):
    """A Gaussian around every item, as wide as a fraction of the items' standard deviation."""

    closed_form = frozenset({"svd"})  # what an operator must have for the posterior to be known in closed form
    about = "a Gaussian around every item, as wide as a fraction of the items' standard deviation"

    share: Annotated[float, Field(gt=0, le=1, description="as a fraction of the standard deviation")] = 0.2
    split: Split = "all"

    def made(self, images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:  # noqa: ARG002
        return Kernel(images, shares, positive(self.share * float(images[shares > 0].std())))
