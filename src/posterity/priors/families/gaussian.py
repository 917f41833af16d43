"""One Gaussian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WithJsonSchema
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.base import Prior
from posterity.priors.families._closed import Autoencoder, Closed, Split
from posterity.priors.gaussian import Gaussian
from posterity.priors.stationary import StationaryGaussian

__all__ = ["GaussianFamily"]

_COVARIANCE = WithJsonSchema(
    {
        "enum": ["stationary", "toeplitz", "dense"],
        "description": "stationary: depends on distance alone and is periodic; toeplitz: depends on distance alone "
        "and is not periodic, for signals in time; dense: any. The last two take up to 4096 entries",
    }
)


@dataclass(frozen=True)
class GaussianFamily(Closed):
    """The Gaussian with the items' mean and covariance."""

    closed_form = frozenset({"linear", "adjoint"})
    about = "one Gaussian with the dataset's mean and power spectrum, or its full covariance"

    covariance: Annotated[str, _COVARIANCE] = "stationary"
    autoencoder: Annotated[Mapping[str, Any] | None, Autoencoder("makes it a prior over this autoencoder's states")] = (
        None
    )
    split: Split = "all"

    def made(self, images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:  # noqa: ARG002
        known = images[shares > 0].double()
        if self.covariance == "stationary":
            return StationaryGaussian.estimate(known)
        if self.covariance == "dense":
            return Gaussian.estimate(known)
        if self.covariance == "toeplitz":
            return Gaussian.toeplitz(known)
        raise PosterityError(f"prior covariance {self.covariance!r} is none of stationary, toeplitz, dense")
