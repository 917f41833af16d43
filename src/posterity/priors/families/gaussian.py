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
        "enum": ["stationary", "dense"],
        "description": "stationary: the same everywhere in the signal; dense: of every two entries, up to 4096",
    }
)


@dataclass(frozen=True)
class GaussianFamily(Closed):
    """The Gaussian with the moments of the items."""

    closed_form = frozenset({"linear", "adjoint"})
    about = "one Gaussian with the dataset's mean and power spectrum, or with all its covariances"

    covariance: Annotated[str, _COVARIANCE] = "stationary"
    autoencoder: Annotated[
        Mapping[str, Any] | None, Autoencoder("makes it a prior of the states of this autoencoder")
    ] = None
    split: Split = "all"

    def made(self, images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:  # noqa: ARG002
        known = images[shares > 0].double()
        if self.covariance == "stationary":
            return StationaryGaussian.estimate(known)
        if self.covariance == "dense":
            return Gaussian.estimate(known)
        raise PosterityError(f"prior covariance {self.covariance!r} is none of stationary, dense")
