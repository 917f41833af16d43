"""The common base of families of closed-form priors: their items, and an autoencoder's states."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import WithJsonSchema
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors import _settings, autoencoders
from posterity.priors.base import Prior
from posterity.priors.families.base import Family, Known
from posterity.priors.latent import Latent

__all__ = ["Autoencoder", "Bandwidth", "Closed", "Split", "Weights", "positive"]

_BATCH = 64
"""Images encoded by a network at a time."""
NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}
Split = Annotated[str, WithJsonSchema({"enum": ["all", "prior", "test"]})]
Weights = Annotated[
    str | Mapping[str, Any],
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "uniform"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["attribute", "share"],
                    "properties": {
                        "attribute": {"type": "string"},
                        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                    },
                },
            ]
        }
    ),
]
"""Weights of the items: {attribute: NAME, share: p} gives items with the attribute p in total, the others 1 - p."""


def Autoencoder(description: str) -> WithJsonSchema:
    """Return the schema of an autoencoder's name; stages receive its settings."""
    return WithJsonSchema({**NAME, "description": description})


def Bandwidth(description: str, points: bool = False) -> WithJsonSchema:
    """Return the schema of the bandwidth h, which may be 0 if ``points`` are allowed."""
    least = {"minimum" if points else "exclusiveMinimum": 0}
    return WithJsonSchema({"type": "number", **least, "maximum": 2, "description": description})


def positive(bandwidth: Any) -> float:
    """Return the bandwidth h.

    Raises:
        PosterityError: if it is not a positive number.
    """
    if isinstance(bandwidth, bool) or not isinstance(bandwidth, int | float) or bandwidth <= 0:
        raise PosterityError(f"prior bandwidth {bandwidth!r} is not a positive number in the units of x")
    return bandwidth


@dataclass(frozen=True)
class Closed(Family):
    """A prior made from a dataset's items. Items of weight 0 keep their row, so that modes are row numbers.

    Families have the setting ``split``, and may have ``weights``, ``mirror`` and ``autoencoder``.
    """

    @abstractmethod
    def made(self, images: Tensor, shares: Tensor, regions: Mapping[str, Tensor]) -> Prior:
        """Return the prior over signals or states (K, …) with weights ``shares`` (K,); ``regions`` are masks (H, W)."""

    def build(self, known: Known) -> Prior:
        if tuple(known.images.shape[1:]) != known.shape:
            raise PosterityError(
                f"the prior's images have shape {tuple(known.images.shape[1:])}, the measurements need {known.shape}"
            )
        rule, split = getattr(self, "weights", "uniform"), getattr(self, "split", "all")
        images, shares = known.images, _settings.weights(rule, split, known.labels)
        if getattr(self, "mirror", None):
            images, shares = _settings.mirrored(images, shares)
        about = getattr(self, "autoencoder", None)
        if about is None:
            return self.made(images, shares, known.regions)
        if about.get("kind") == "network":
            coder = autoencoders.from_file(about, known.autoencoder, known.shape)
        else:
            coder = autoencoders.fit(about, images[_fitted(about, shares, known.labels)])
        with torch.no_grad():
            states = torch.cat([coder.encode(part) for part in images.double().split(_BATCH)])
        return Latent(self.made(states, shares, {}), coder)


def _fitted(autoencoder: Mapping[str, Any], shares: Tensor, labels: Sequence[Mapping[str, Any]]) -> Tensor:
    """Return which images the autoencoder is fitted to, bool (K,): those with weight, in its split if it names one."""
    fitted = shares > 0
    if (split := autoencoder.get("split", "all")) != "all":
        own = _settings.weights("uniform", split, labels) > 0
        fitted = fitted & own.repeat(len(fitted) // len(own))  # mirrored images follow all originals
    if not fitted.any():
        raise PosterityError(f"the prior knows no image of split {split!r}, to which its autoencoder is fitted")
    return fitted
