"""A network that restores in one forward pass and has no denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from posterity.errors import PosterityError
from posterity.priors import restorer
from posterity.priors.base import Prior
from posterity.priors.families.base import Family, Known

__all__ = ["RestorerFamily"]

_FAMILY = WithJsonSchema({"enum": ["mat", "swinir"], "description": "the sampler that can use it"})


@dataclass(frozen=True)
class RestorerFamily(Family):
    """A published file, see :mod:`posterity.priors.restorer`."""

    has = frozenset({"restorer"})
    made_of = "file"
    about = "a network that restores in one forward pass and has no denoiser"

    family: Annotated[str, _FAMILY]

    def build(self, known: Known) -> Prior:
        if known.weights is None:
            raise PosterityError(f"prior {known.name!r} is a network: name the file of its weights (--weights)")
        return restorer.load(known.weights, self.family, known.shape, known.device)
