"""A network trained to restore one kind of measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from posterity.errors import PosterityError
from posterity.priors.base import Prior
from posterity.priors.families.base import Family, Known
from posterity.priors.families.network import PRECISION
from posterity.priors.loading import load_conditional

__all__ = ["ConditionalFamily"]


@dataclass(frozen=True)
class ConditionalFamily(Family):
    """A network from safetensors with card.json in its folder, see :mod:`posterity.priors.conditional`."""

    has = frozenset({"conditional"})
    made_of = "file"
    about = "a diffusion network that sees the measured entries, for one kind of inpainting"

    precision: Annotated[str | None, PRECISION] = None

    def build(self, known: Known) -> Prior:
        if known.weights is None:
            raise PosterityError(f"prior {known.name!r} is a network: name the file of its weights (--weights)")
        prior = load_conditional(known.weights, known.device, self.precision or "float32")
        if prior.signal_shape != known.shape:
            raise PosterityError(
                f"{known.weights} is for signals of shape {prior.signal_shape}, the measurements need {known.shape}"
            )
        return prior
