"""The explorer: a page whose reader chooses what is measured of a picture, and sees the exact posterior immediately.

Under a kernel prior, p(x) = Σ w_k N(x; m_k, h² I), the posterior of hidden or averaged pixels is a softmax over the
prior's pictures, which the browser computes while the reader paints. The page is self-contained and works offline.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.kernel import Kernel
from posterity.report.rendering import rendered

__all__ = ["LARGEST", "page"]

LARGEST = 48 * 2**20
"""Maximum bytes of pictures in a page; the browser computes with all of them at every stroke."""

_STEPS = 25
"""Levels of the guided draws; the browser evaluates the posterior's denoiser at each."""


def page(
    title: str, prior: Kernel, shown: Sequence[tuple[str, Tensor]], names: Mapping[int, str], inside: bool = False
) -> str:
    """Return the page as self-contained HTML.

    Arguments:
        title: the heading.
        prior: a prior of square images with 1 or 3 channels and a side that is a multiple of 4.
        shown: (name, image (C, H, W) in [-1, 1]) of the pictures that can be measured.
        names: {mode of the prior: its name}; modes may be omitted.
        inside: whether the prior contains the pictures that can be measured.

    Raises:
        PosterityError: for images of another shape, no pictures, or more than :data:`LARGEST` bytes.
    """
    shape = prior.signal_shape
    if len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2] or shape[1] % 4:
        raise PosterityError(f"the explorer needs square images whose side is a multiple of 4, not {shape}")
    if not shown:
        raise PosterityError("the explorer has no picture to show")
    (block,) = prior.blocks
    pictures = (block.centre + block.contents).reshape(-1, *shape)
    if pictures.numel() > LARGEST:
        raise PosterityError(f"the prior has {pictures.numel()} bytes of pictures, the explorer takes {LARGEST}")
    content = {
        "shape": list(shape),
        "bandwidth": prior.bandwidth,
        "pictures": _bytes(pictures),
        "logWeights": block.log_weights[0].tolist(),
        "names": [names.get(int(k), "") for k in block.ids],
        "levels": [[level.alpha_bar, level.fraction] for level in prior.schedule.grid(_STEPS, "spaced")],
        "items": [{"name": name, "picture": _bytes(image)} for name, image in shown],
    }
    return rendered("explorer.html", title=title, content=_embedded(content), inside=inside)


def _bytes(images: Tensor) -> str:
    """Return pixels in [-1, 1] as base64 of one byte per value, the precision of the data sets."""
    levels = ((images.double() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return base64.b64encode(levels.numpy().tobytes()).decode()


def _embedded(content: Mapping[str, Any]) -> str:
    """Return JSON that is safe inside a script element."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
