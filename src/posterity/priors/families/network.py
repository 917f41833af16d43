"""A trained denoiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema

from posterity.errors import PosterityError
from posterity.priors import autoencoders
from posterity.priors.base import Prior
from posterity.priors.card import beside, other_states
from posterity.priors.families._closed import Autoencoder
from posterity.priors.families.base import Family, Known
from posterity.priors.latent import Latent
from posterity.priors.loading import load

__all__ = ["PRECISION", "NetworkFamily"]

_LABEL = WithJsonSchema(
    {
        "anyOf": [{"type": "integer", "minimum": 0}, {"const": "item"}],
        "description": "the class, for a class-conditional network; `item` is each item's own, its attribute `class K`",
    }
)
PRECISION = WithJsonSchema(
    {
        "enum": ["float32", "bfloat16"],
        "description": "precision of the network's products, default float32; all else stays in float32 and float64",
    }
)
_COMPILE = WithJsonSchema(
    {
        "type": "boolean",
        "description": "compile the network with torch, default false: minutes at the start of a job, less "
        "time for each step on a GPU",
    }
)


@dataclass(frozen=True)
class NetworkFamily(Family):
    """A network from safetensors with card.json in its folder."""

    made_of = "file"
    about = "a trained denoiser"

    label: Annotated[int | Literal["item"] | None, _LABEL] = None
    precision: Annotated[str | None, PRECISION] = None
    compile: Annotated[bool | None, _COMPILE] = None
    autoencoder: Annotated[
        Mapping[str, Any] | None, Autoencoder("of whose states it is a prior; one of kind network")
    ] = None

    def build(self, known: Known) -> Prior:
        weights = known.weights
        if weights is None:
            raise PosterityError(f"prior {known.name!r} is a network: name the file of its weights (--weights)")
        # with "item" the caller, who has read the items, gives each measurement its class
        label = 0 if self.label == "item" else self.label
        prior = load(weights, label, known.device, self.precision or "float32", self.compile or False)
        if self.autoencoder is not None:
            if self.autoencoder.get("kind") != "network":
                told = "a network knows states of an autoencoder of kind 'network' alone"
                raise PosterityError(f"prior {known.name!r}: {told}, not {self.autoencoder.get('kind')!r}")
            coder = autoencoders.from_file(self.autoencoder, known.autoencoder, known.shape, known.device)
            if known.autoencoder and (wrong := other_states(beside(weights, ""), beside(known.autoencoder, ""))):
                raise PosterityError(f"{weights} is {wrong}, the one of {known.autoencoder}")
            return Latent(prior, coder)
        if prior.signal_shape != known.shape:
            raise PosterityError(
                f"{weights} is for images of shape {prior.signal_shape}, the measurements need {known.shape}"
            )
        return prior
