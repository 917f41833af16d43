"""Turn a configuration's settings of a prior into tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["groups", "mirrored", "partition", "weights"]

_SAME_COLOUR = 0.35
"""Largest channel difference, in a range of 2, at which two face colours count as equal."""


def weights(rule: Any, split: str, labels: Sequence[Mapping[str, Any]]) -> Tensor:
    """Return the items' weights, (K,), 0 outside the split."""
    splits = {str(label["split"]) for label in labels}
    if split != "all" and split not in splits:
        there = ", ".join(map(repr, sorted(splits)))
        raise PosterityError(f"the prior is made of the split {split!r}, in which no image is (all are in {there})")
    kept = torch.tensor([split in ("all", label["split"]) for label in labels])
    if rule == "uniform":
        return kept.double()
    if not isinstance(rule, Mapping) or set(rule) != {"attribute", "share"}:
        raise PosterityError(f"prior weights {rule!r} are neither 'uniform' nor {{attribute: NAME, share: P}}")
    name, share = rule["attribute"], rule["share"]
    if not isinstance(share, int | float) or not 0 < share < 1:
        raise PosterityError(f"prior weights: share {share!r} is not between 0 and 1")
    attributes = [() if label["attributes"] is None else tuple(label["attributes"]) for label in labels]
    marked = torch.tensor([name in own for own in attributes])
    marked, others = marked & kept, ~marked & kept
    if not marked.any() or not others.any():
        known = ", ".join(sorted({a for own in attributes for a in own})[:20])
        raise PosterityError(f"prior weights: all or none of the items have attribute {name!r}; choose one of {known}")
    return share * marked.double() / marked.sum() + (1 - share) * others.double() / others.sum()


def mirrored(images: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Append the mirrored images, (K, C, H, W) → (2K, C, H, W), and repeat the weights, (K,) → (2K,)."""
    if images.ndim != 4:
        raise PosterityError(f"prior mirror: signals of shape {tuple(images.shape[1:])} are no images; leave it out")
    return torch.cat([images, images.flip(-1)]), torch.cat([shares, shares])


def partition(names: Sequence[str], regions: Mapping[str, Tensor]) -> Tensor:
    """Return disjoint regions that cover the image, bool (R, H, W), the complement last."""
    if isinstance(names, str) or not names:
        raise PosterityError(f"prior regions {names!r} is not a list of names out of {', '.join(sorted(regions))}")
    for name in names:
        if name not in regions:
            raise PosterityError(f"prior region {name!r} is none of the dataset's: {', '.join(sorted(regions))}")
    rest = torch.ones_like(regions[names[0]], dtype=torch.bool)
    parts = []
    for name in names:
        parts.append((regions[name] > 0) & rest)
        rest = rest & ~parts[-1]
        if not parts[-1].any():
            raise PosterityError(f"prior region {name!r} has no pixel of its own")
    return torch.stack([*parts, rest] if rest.any() else parts)


def groups(rule: Any, images: Tensor) -> Tensor:
    """Return the group number of each image (K, C, H, W), long (K,).

    The base colour is the most frequent colour (in steps of 1/32) of the central disc, which is robust to eyes,
    mouths and outlines. An image joins the first group whose first member has nearly its colour, or starts a
    new one.
    """
    if rule == "none":
        return torch.zeros(len(images), dtype=torch.long)
    if rule != "colour":
        raise PosterityError(f"prior groups {rule!r} is none of 'colour', 'none'")
    height, width = images.shape[2:]
    rows, columns = torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
    disc = (rows[:, None] / height) ** 2 + (columns / width) ** 2 <= 0.35**2
    founders: list[Tensor] = []
    out = []
    for pixels in ((images[:, :, disc] + 1) * 15.5).round():
        colours, counts = pixels.unique(dim=1, return_counts=True)
        colour = colours[:, counts.argmax()] / 15.5 - 1
        near = (g for g, founder in enumerate(founders) if (colour - founder).abs().max() <= _SAME_COLOUR)
        out.append(next(near, len(founders)))
        if out[-1] == len(founders):
            founders.append(colour)
    return torch.tensor(out)
