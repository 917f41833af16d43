"""A small predictor of the items' attributes; its logits are interpretable features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posterity.features.base import Extracted, Features, Given

__all__ = ["AttributeLogits", "Attributes", "fit"]

Array = NDArray[np.floating[Any]]


class AttributeLogits(Features):
    """Logits of a small predictor of the items' attributes."""

    needs: ClassVar[frozenset[str]] = frozenset({"attributes"})

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        assert given.known is not None, "the stage gives what `needs` names"
        self.model = fit(given.known, given.attributes)

    def extract(self, x: Tensor, keep: Tensor | None) -> Extracted:  # noqa: ARG002
        return Extracted.of(self.model.logits(x))


def _pixels(images: Tensor, size: int) -> Array:
    small = torch.nn.functional.interpolate(images, size=(size, size), mode="area")
    return small.flatten(1).double().numpy()


@dataclass(frozen=True)
class Attributes:
    """Linear logits of attributes ``names`` on images downscaled to ``size``×``size``."""

    names: list[str]
    weight: Array
    bias: Array
    size: int

    def logits(self, images: Tensor) -> Array:
        """Return logits (N, attributes) of images (N, C, H, W) in [-1, 1]."""
        return _pixels(images, self.size) @ self.weight.T + self.bias


def fit(images: Tensor, attributes: Sequence[Sequence[str]], size: int = 16, least: int = 3) -> Attributes:
    """Fit one regularised logistic regression per attribute that at least ``least`` images have and ``least`` lack.

    Arguments:
        images: (N, C, H, W) in [-1, 1], of the prior's split.
        attributes: the attributes of each image.
    """
    from sklearn.linear_model import LogisticRegression

    counts: dict[str, int] = {}
    for names in attributes:
        for name in set(names):
            counts[name] = counts.get(name, 0) + 1
    usable = sorted(n for n, c in counts.items() if least <= c <= len(images) - least)
    if not usable:
        raise ValueError(
            f"no attribute is carried by at least {least} and lacked by at least {least} of {len(images)} images"
        )
    x = _pixels(images, size)
    models = [LogisticRegression(C=0.01, max_iter=500).fit(x, [n in a for a in attributes]) for n in usable]
    return Attributes(
        usable, np.concatenate([m.coef_ for m in models]), np.concatenate([m.intercept_ for m in models]), size
    )
