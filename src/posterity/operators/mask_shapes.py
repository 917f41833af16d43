"""Masks of inpainting tasks: keep-masks (1, H, W) in {0, 1}, shared by the channels.

Lengths that sources print in pixels are those of 256×256 images; here they are fractions of the sides.
A mask that hides no pixel, or all of them, raises :class:`PosterityError`: there is nothing to inpaint, or
nothing to see.
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
"""Boxes around the eyes and the mouth of aligned faces; our coordinates, the source prints none."""

_TRIES = 1000


def partial(keep: Tensor, what: str) -> Tensor:
    """``keep`` (…, H, W) itself, which hides some pixels and not all; ``what`` is said to do otherwise."""
    hidden = int((keep == 0).sum())
    if 0 < hidden < keep.numel():
        return keep
    height, width = keep.shape[-2:]
    raise PosterityError(f"{what} hides {'every' if hidden else 'no'} pixel of {height}×{width}; it must hide a part")


def box(height: int, width: int, top: float, left: float, bottom: float, right: float) -> Tensor:
    """Without the box whose borders are fractions of the sides, top < bottom and left < right."""
    borders = [finite("border of a box", v, 0, 1) for v in (top, left, bottom, right)]
    if top >= bottom or left >= right:
        raise PosterityError(f"box {borders} is empty; its borders are top, left, bottom, right, each pair ascending")
    return partial(_without(height, width, *borders), f"box {borders}")


def _without(height: int, width: int, top: float, left: float, bottom: float, right: float) -> Tensor:
    keep = torch.ones(1, height, width)
    keep[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 0
    return keep


def half(height: int, width: int, side: str) -> Tensor:
    """Without the half at ``side``: left, right, top or bottom."""
    borders = {"left": (0, 0, 1, 0.5), "right": (0, 0.5, 1, 1), "top": (0, 0, 0.5, 1), "bottom": (0.5, 0, 1, 1)}
    if side not in borders:
        raise PosterityError(f"half is {side!r}, expected one of {', '.join(borders)}")
    return partial(_without(height, width, *borders[side]), f"half {side}")


def expand(height: int, width: int, side: float = 78 / 256) -> Tensor:
    """Nothing but a centred window of ``side`` (78 of 256 pixels: 89 … 166), to be painted outwards."""
    border = (1 - finite("expand", side, 0, 1)) / 2
    return partial(1 - _without(height, width, border, border, 1 - border, 1 - border), f"expand {side:g}")


def random_box(height: int, width: int, size: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Without a box placed uniformly; ``size`` is its side and its margin to the border (DPS: 1/2, 1/16)."""
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
    """Without single pixels: a share uniform in ``missing``, rounded down to pixels (Flash: 0.7 to 0.8).

    At least one is hidden and one kept.
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
    """Without a rotated rectangle that covers a share in ``missing`` (VIPaint: at least half; our generator)."""
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
    """Without 1 to 4 free-form strokes that cover a share in ``missing`` (VIPaint: up to 0.2; our generator)."""
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
    """Without a half-plane through the centre, turned by whole degrees (VIPaint's rotated window).

    As in the source, what is seen is a rectangle of 356×178 in 256×256 pixels that has the centre on its border: of
    some corners nothing is seen, so that at least half is hidden.
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
    """Without boxes and brush strokes that cover a share in ``missing`` (Zhao et al. 2021; VIPaint: 0.4 to 0.8).

    Sizes are those of 256×256 pixels: up to 10c boxes with sides to a half, up to 5c to the whole side, up to 20c
    strokes, with c the sum of both ends, at most 1.
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
    """Without the smallest box around ``inside`` (H, W), true on an object; it must cover 2 % to 60 %."""
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
    """Pixel centres as fractions of the sides, (H, 1) and (1, W)."""
    y = (torch.arange(height, dtype=torch.float64) + 0.5) / height
    x = (torch.arange(width, dtype=torch.float64) + 0.5) / width
    return y[:, None], x[None, :]


def _until(name: str, missing: Sequence[float], draw: Callable[[], Tensor]) -> Tensor:
    """Return the first draw of hidden pixels (H, W) whose share lies in ``missing``, as a keep-mask."""
    low, high = span(name, missing, 0, 1)
    for _ in range(_TRIES):
        hidden = draw()
        if hidden.any() and not hidden.all() and low <= hidden.double().mean().item() <= high:
            return (~hidden).float()[None]
    raise PosterityError(f"{name}: no mask in {_TRIES} draws hid a share between {low:g} and {high:g}; widen the range")


def _poly_line(rng: np.random.Generator) -> np.ndarray:
    """4 to 12 points (n, 2) of a line that turns by at most 2π/5 a step, as fractions of the sides."""
    count = int(rng.integers(4, 13))
    angles = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.uniform(-0.4 * math.pi, 0.4 * math.pi, count))
    steps = rng.uniform(10, 60, count)[:, None] / 256 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    steps[0] = rng.uniform(0, 1, 2)
    return np.cumsum(steps, axis=0)


def _below(rng: np.random.Generator, count: int) -> int:
    """Return a number from 0 to count - 1, or 0."""
    return int(rng.integers(count)) if count > 0 else 0


def _box_anywhere(rng: np.random.Generator, most: int) -> tuple[float, float, float, float]:
    """Return borders of a box with sides below ``most`` of 256 pixels, half of which may be outside, as fractions."""
    wide, tall = rng.integers(0, most, 2)
    left = rng.integers(-(wide // 2), 256 - wide + wide // 2)
    top = rng.integers(-(tall // 2), 256 - tall + tall // 2)
    return top / 256, left / 256, (top + tall) / 256, (left + wide) / 256


def _zigzag(rng: np.random.Generator) -> np.ndarray:
    """5 to 18 points (n, 2) of a line whose direction alternates between two, as fractions of the sides."""
    most = 2 * math.pi / 5
    low, high = most - rng.uniform(0, 2 * math.pi / 15), most + rng.uniform(0, 2 * math.pi / 15)
    angles = rng.uniform(low, high, int(rng.integers(4, 18)))
    angles[::2] = 2 * math.pi - angles[::2]
    mean = math.sqrt(2) / 8
    lengths = rng.normal(mean, mean / 2, len(angles)).clip(1e-6, 2 * mean)
    moves = lengths[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return rng.uniform(0, 1, 2) + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])


def _distance(rows: Tensor, columns: Tensor, a: np.ndarray, b: np.ndarray) -> Tensor:
    """Return distance (H, W) of the pixels to the segment from ``a`` to ``b``: round ends, so round joints."""
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
