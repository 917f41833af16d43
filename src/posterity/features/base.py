"""The contract of features, in which the samples of a pool are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posterity.features import pca
from posterity.signals import Kind

__all__ = ["Array", "Extracted", "Features", "Given"]

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Given:
    """Inputs for features; each kind uses those it needs.

    Arguments:
        weights: the file of ``Features.asset``.
        known: signals of the data set, (K, *signal).
        attributes: the attributes of each of them.
    """

    weights: Path | None = None
    known: Tensor | None = None
    attributes: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Extracted:
    """Features (N, ≤25) of a pool, and the distances (N, N) between its samples."""

    features: Array
    distances: Array

    @classmethod
    def of(cls, raw: Array) -> Extracted:
        """Reduce long vectors (N, d) to their principal components."""
        short = pca.pca(raw)
        return cls(short, pca.distances(short))


class Features(ABC):
    """One kind of features, made for one data set.

    ``needs`` names requirements: "images" (defined for images only), "mask" (of the measurement), "attributes" (of
    the items). ``asset`` names the file of weights in :mod:`posterity.assets`; ``least`` is the least side of an
    image in pixels. ``published`` is {rule: settings} of the published code for these features, the defaults.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    asset: ClassVar[str | None] = None
    least: ClassVar[int] = 1
    published: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})

    def __init__(self, given: Given) -> None:
        self.given = given

    @abstractmethod
    def extract(self, x: Tensor, keep: Tensor | None) -> Extracted:
        """Return the features of a pool.

        Arguments:
            x: signals, (N, *signal).
            keep: the measurement's mask, (1, …) broadcastable to (1, *signal), 1 where measured; None without a mask.
        """

    @classmethod
    def unfit(cls, kind: Kind, shape: Sequence[int]) -> str | None:
        """Return why these features are undefined for signals of this kind and shape; None if they are defined."""
        if "images" not in cls.needs:
            return None
        if kind.name != "image":
            return f"are of images, these are {kind.noun}s"
        height, width = shape[-2:]
        small = min(height, width) < cls.least
        return f"need sides of {cls.least} px, the image is {height}×{width}" if small else None

    @property
    def weights(self) -> Path:
        """The file of weights."""
        assert self.given.weights is not None, "the stage gives what `asset` names"
        return self.given.weights
