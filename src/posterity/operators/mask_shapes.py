"""Masks of inpainting tasks: keep-masks (1, H, W) in {0, 1}, shared by the channels.

Sources print lengths in pixels of 256×256 images; here they are fractions of the sides. A mask that hides no
pixel, or all of them, raises :class:`PosterityError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._settings import finite, span

__all__ = [
    "CENTRE",
    "FACE_PARTS",
    "SHAPES",
    "box",
    "expand",
    "free_form",
    "half",
    "object_box",
    "partial",
    "pixels",
    "random_box",
    "rotated_half",
    "strokes",
    "window",
]

CENTRE = (50 / 256, 50 / 256, 200 / 256, 200 / 256)
"""The centre box of 150×150 in 256×256 (MGPS), as top, left, bottom, right."""

FACE_PARTS: Mapping[str, tuple[float, float, float, float]] = {
    "eyes_large": (88 / 256, 40 / 256, 152 / 256, 216 / 256),
    "eyes_small": (100 / 256, 60 / 256, 140 / 256, 196 / 256),
    "mouth_large": (156 / 256, 64 / 256, 248 / 256, 192 / 256),
    "mouth_small": (172 / 256, 84 / 256, 220 / 256, 172 / 256),
}
"""Boxes around the eyes and the mouth of aligned faces; the coordinates are ours, the source prints none."""

_TRIES = 1000


def partial(keep: Tensor, what: str) -> Tensor:
    """Return ``keep`` (…, H, W) if it hides some but not all pixels; raise an error about ``what`` otherwise."""
    hidden = int((keep == 0).sum())
    if 0 < hidden < keep.numel():
        return keep
    height, width = keep.shape[-2:]
    raise PosterityError(f"{what} hides {'every' if hidden else 'no'} pixel of {height}×{width}; it must hide a part")


def box(height: int, width: int, top: float, left: float, bottom: float, right: float) -> Tensor:
    """Hide a box, (1, H, W); borders are fractions of the sides, top < bottom and left < right."""
    borders = [finite("border of a box", v, 0, 1) for v in (top, left, bottom, right)]
    if top >= bottom or left >= right:
        raise PosterityError(f"box {borders} is empty; its borders are top, left, bottom, right, each pair ascending")
    return partial(_without(height, width, *borders), f"box {borders}")


def _without(height: int, width: int, top: float, left: float, bottom: float, right: float) -> Tensor:
    keep = torch.ones(1, height, width)
    keep[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 0
    return keep


def half(height: int, width: int, side: str) -> Tensor:
    """Hide the half at ``side`` (left, right, top or bottom), (1, H, W)."""
    borders = {"left": (0, 0, 1, 0.5), "right": (0, 0.5, 1, 1), "top": (0, 0, 0.5, 1), "bottom": (0.5, 0, 1, 1)}
    if side not in borders:
        raise PosterityError(f"half is {side!r}, expected one of {', '.join(borders)}")
    return partial(_without(height, width, *borders[side]), f"half {side}")


def expand(height: int, width: int, side: float = 78 / 256) -> Tensor:
    """Keep only a centred window of ``side`` for outpainting, (1, H, W); default 78 of 256 pixels: 89 … 166."""
    border = (1 - finite("expand", side, 0, 1)) / 2
    return partial(1 - _without(height, width, border, border, 1 - border, 1 - border), f"expand {side:g}")


def random_box(height: int, width: int, size: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Hide a uniformly placed box, (1, H, W); ``size`` is (side, margin to the border) (DPS: 1/2, 1/16)."""
    if not isinstance(size, Sequence) or len(size) != 2:
        raise PosterityError(f"random_box is {size!r}, expected its side and its margin")
    side, margin = (finite("random_box", v, 0, 1) for v in size)
    keep = torch.ones(1, height, width)
    tall, wide = round(side * height), round(side * width)
    down, across = round(margin * height), round(margin * width)
    if tall + 2 * down > height or wide + 2 * across > width:
        raise PosterityError(
            f"random_box: side {side:g} and margin {margin:g} do not fit; side + 2 margin is at most 1"
        )
    top = int(rng.integers(down, height - tall - down + 1))
    left = int(rng.integers(across, width - wide - across + 1))
    keep[:, top : top + tall, left : left + wide] = 0
    return partial(keep, f"random_box with side {side:g}")


def pixels(height: int, width: int, missing: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Hide a share of single pixels, uniform in ``missing`` and rounded down (Flash: 0.7 to 0.8), (1, H, W).

    At least one pixel is hidden and one kept.
    """
    low, high = span("pixels", missing, 0, 1)
    if high == 0 or low == 1:
        raise PosterityError(f"pixels {[low, high]} hides {'every' if low else 'no'} pixel; it must hide a part")
    count = height * width
    keep = torch.ones(count)
    share = math.floor(rng.uniform(low, high) * count)
    gone = rng.choice(count, size=min(max(share, 1), count - 1), replace=False)
    keep[torch.from_numpy(gone)] = 0
    return keep.reshape(1, height, width)


def window(height: int, width: int, missing: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Hide a rotated rectangle that covers a share in ``missing``, (1, H, W) (VIPaint: ≥ half; our generator)."""
    rows, columns = _grid(height, width)

    def draw() -> Tensor:
        cy, cx = rng.uniform(0.35, 0.65, 2)
        angle, (tall, wide) = rng.uniform(0, math.pi), rng.uniform(0.65, 1.0, 2)
        y, x = rows - cy, columns - cx
        along = math.cos(angle) * x + math.sin(angle) * y
        across = math.cos(angle) * y - math.sin(angle) * x
        return (along.abs() <= wide / 2) & (across.abs() <= tall / 2)

    return _until("window", missing, draw)


def strokes(height: int, width: int, missing: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Hide 1 to 4 strokes that cover a share in ``missing``, (1, H, W) (VIPaint: up to 0.2; our generator)."""
    rows, columns = _grid(height, width)

    def draw() -> Tensor:
        hidden = torch.zeros(height, width, dtype=torch.bool)
        for _ in range(rng.integers(1, 5)):
            path, thickness = _poly_line(rng), rng.uniform(10, 30) / 256
            for a, b in pairwise(path):
                hidden |= _distance(rows, columns, a, b) <= thickness / 2
        return hidden

    return _until("strokes", missing, draw)


def rotated_half(height: int, width: int, wanted: bool, rng: np.random.Generator) -> Tensor:
    """Hide a half-plane through the centre at a random whole angle in degrees, (1, H, W) (VIPaint's rotated window).

    As in the source, the visible part is a rectangle of 356×178 pixels (in 256×256) with the image centre on its
    border. It misses some corners, so at least half of the image is hidden.
    """
    if wanted is not True:
        raise PosterityError(f"rotated_half is {wanted!r}, expected true: the angle is drawn for each item")
    rows, columns = _grid(height, width)
    angle, reach = math.radians(int(rng.integers(360))), 178 / 256
    across = math.cos(angle) * (columns - 0.5) + math.sin(angle) * (rows - 0.5)
    up = math.sin(angle) * (columns - 0.5) - math.cos(angle) * (rows - 0.5)
    seen = (up > 0) & (up <= reach) & (across.abs() <= reach)
    return partial(seen.float()[None], "rotated_half")


def free_form(height: int, width: int, missing: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Hide boxes and strokes that cover a share in ``missing``, (1, H, W) (Zhao et al. 2021; VIPaint: 0.4 to 0.8).

    There are up to 10c boxes with sides up to a half, up to 5c with sides up to the whole, and up to 20c strokes, where
    c ≤ 1 is the sum of the two ends of ``missing``. Sizes are those of 256×256 images.
    """
    low, high = span("free_form", missing, 0, 1)
    most = min(low + high, 1.0)
    rows, columns = _grid(height, width)

    def draw() -> Tensor:
        hidden = torch.zeros(height, width, dtype=torch.bool)
        for count, side in ((10, 128), (5, 256)):
            for _ in range(_below(rng, int(count * most))):
                top, left, bottom, right = _box_anywhere(rng, side)
                hidden |= (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        for _ in range(_below(rng, int(20 * most))):
            path, thickness = _zigzag(rng), rng.uniform(12, 48) / 256
            for a, b in pairwise(path):
                hidden |= _distance(rows, columns, a, b) <= thickness / 2
        return hidden

    return _until("free_form", (low, high), draw)


def object_box(inside: Tensor) -> Tensor:
    """Hide the bounding box of ``inside`` (bool (H, W)), (1, H, W); it must cover 2 % to 60 % of the image."""
    where = inside.nonzero()
    height, width = inside.shape
    keep = torch.ones(1, height, width)
    if len(where):
        (top, left), (bottom, right) = where.amin(0).tolist(), where.amax(0).tolist()
        keep[:, top : bottom + 1, left : right + 1] = 0
    share = 1 - keep.mean().item()
    if not 0.02 <= share <= 0.6:
        raise PosterityError(f"the box around the object covers {share:.1%} of the image; 2 % to 60 % can be inpainted")
    return keep


def _grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return pixel centres as fractions of the sides, (H, 1) and (1, W)."""
    y = (torch.arange(height, dtype=torch.float64) + 0.5) / height
    x = (torch.arange(width, dtype=torch.float64) + 0.5) / width
    return y[:, None], x[None, :]


def _until(name: str, missing: Sequence[float], draw: Callable[[], Tensor]) -> Tensor:
    """Draw hidden pixels (H, W) until their share lies in ``missing``; return the keep-mask (1, H, W)."""
    low, high = span(name, missing, 0, 1)
    for _ in range(_TRIES):
        hidden = draw()
        if hidden.any() and not hidden.all() and low <= hidden.double().mean().item() <= high:
            return (~hidden).float()[None]
    raise PosterityError(f"{name}: no mask in {_TRIES} draws hid a share between {low:g} and {high:g}; widen the range")


def _poly_line(rng: np.random.Generator) -> np.ndarray:
    """Draw 4 to 12 points (n, 2) of a line that turns by at most 2π/5 per step, as fractions of the sides."""
    count = int(rng.integers(4, 13))
    angles = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.uniform(-0.4 * math.pi, 0.4 * math.pi, count))
    steps = rng.uniform(10, 60, count)[:, None] / 256 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    steps[0] = rng.uniform(0, 1, 2)
    return np.cumsum(steps, axis=0)


def _below(rng: np.random.Generator, count: int) -> int:
    """Draw an integer from 0 to count - 1; 0 if count is 0."""
    return int(rng.integers(count)) if count > 0 else 0


def _box_anywhere(rng: np.random.Generator, most: int) -> tuple[float, float, float, float]:
    """Draw the borders of a box as fractions, with sides below ``most`` of 256 pixels; half of it may lie outside."""
    wide, tall = rng.integers(0, most, 2)
    left = rng.integers(-(wide // 2), 256 - wide + wide // 2)
    top = rng.integers(-(tall // 2), 256 - tall + tall // 2)
    return top / 256, left / 256, (top + tall) / 256, (left + wide) / 256


def _zigzag(rng: np.random.Generator) -> np.ndarray:
    """Draw 5 to 18 points (n, 2) of a zigzag line between two directions, as fractions of the sides."""
    most = 2 * math.pi / 5
    low, high = most - rng.uniform(0, 2 * math.pi / 15), most + rng.uniform(0, 2 * math.pi / 15)
    angles = rng.uniform(low, high, int(rng.integers(4, 18)))
    angles[::2] = 2 * math.pi - angles[::2]
    mean = math.sqrt(2) / 8
    lengths = rng.normal(mean, mean / 2, len(angles)).clip(1e-6, 2 * mean)
    moves = lengths[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return rng.uniform(0, 1, 2) + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])


def _distance(rows: Tensor, columns: Tensor, a: np.ndarray, b: np.ndarray) -> Tensor:
    """Return the distance (H, W) of the pixels to the segment from ``a`` to ``b``: ends and joints come out round."""
    (ay, ax), (dy, dx) = a.tolist(), (b - a).tolist()
    t = (((rows - ay) * dy + (columns - ax) * dx) / (dy * dy + dx * dx)).clamp(0, 1)
    return torch.hypot(rows - ay - t * dy, columns - ax - t * dx)


SHAPES: Mapping[str, Callable[[int, int, Any, np.random.Generator], Tensor]] = {
    "box": lambda h, w, borders, rng: box(h, w, *borders),
    "half": lambda h, w, side, rng: half(h, w, side),
    "expand": lambda h, w, side, rng: expand(h, w, side),
    "random_box": random_box,
    "pixels": pixels,
    "window": window,
    "strokes": strokes,
    "rotated_half": rotated_half,
    "free_form": free_form,
    "face_part": lambda h, w, name, rng: box(h, w, *FACE_PARTS[name]),
}
"""{key of an inpainting task: (height, width, the key's value, generator) → keep-mask}."""
