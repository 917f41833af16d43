"""Draws restorations as pictures, individually and on a contact sheet."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from torch import Tensor

    from posterity.front.restorations import Restorations

__all__ = ["HIDDEN", "measured", "pictures", "png", "sheet", "spread", "uri"]

HIDDEN = (255, 0, 160)
"""Colour of the stripes over hidden pixels, rare in photographs."""
_TILE, _GAP, _TEXT = 192, 12, 15
"""In pixels: minimum side of a tile, gap between tiles, and height of a letter."""
_STRIPES = 24
"""Number of stripes along a side."""
Levels = NDArray[np.uint8]


def pictures(of: Restorations) -> list[tuple[str, Levels]]:
    """Return (name, picture) of the measurement, the original if known, and the samples."""
    kind, numbers = of.measurement.kind, of.numbers or range(len(of))
    found = [("measured", measured(of))]
    if of.measurement.truth is not None:
        found.append(("original", kind.picture(of.measurement.truth)))
    found += [(f"sample {number}", kind.picture(x)) for number, x in zip(numbers, of.samples, strict=True)]
    return found


def measured(of: Restorations) -> Levels:
    """Return the measurement as a picture (H, W, 3), with stripes over masked pixels."""
    one = of.measurement
    shown = one.kind.picture(one.display).copy()
    if one.keep is not None and one.keep.shape[-2:] == shown.shape[:2]:
        rows, columns = np.indices(shown.shape[:2])
        stripe = (rows + columns) // max(2, shown.shape[0] // _STRIPES) % 2 == 0
        hidden = one.keep[0, 0].numpy() < 0.5
        shown[hidden & stripe], shown[hidden & ~stripe] = HIDDEN, (255, 255, 255)
    return shown


def spread(values: Tensor) -> tuple[Levels, float]:
    """Return a map (H, W) in the colours of magma, (H, W, 3), and the value at the brightest colour."""
    from matplotlib import colormaps

    largest = float(values.max())
    shares = (values / max(largest, 1e-12)).clamp(0, 1).numpy()
    return (colormaps["magma"](shares)[..., :3] * 255).round().astype(np.uint8), largest


def sheet(of: Restorations) -> Image.Image:
    """Return the contact sheet, about three columns to two rows."""
    tiles = pictures(of)
    if len(of) > 1:
        values, largest = spread(of.uncertainty())
        tiles += [
            ("mean", of.measurement.kind.picture(of.mean())),
            (f"standard deviation, up to {largest:.2g}", values),
        ]
    grown = [(name, _grown(levels)) for name, levels in tiles]
    wide, tall = (max(picture.size[axis] for _, picture in grown) for axis in (0, 1))
    columns = min(len(grown), max(1, round((1.5 * len(grown) * tall / wide) ** 0.5)))
    width, height = wide + _GAP, tall + _TEXT + 8 + _GAP
    page = Image.new("RGB", (columns * width + _GAP, -(-len(grown) // columns) * height + _GAP), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_TEXT)
    for k, (name, picture) in enumerate(grown):
        x, y = _GAP + k % columns * width, _GAP + k // columns * height
        page.paste(picture, (x, y))
        while font.getlength(name) > wide:
            name = name.rstrip("…")[:-1] + "…"
        draw.text((x, y + tall + 3), name, fill="#333333", font=font)
    return page


def png(picture: Image.Image | Levels) -> bytes:
    """Return a picture as PNG."""
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, format="PNG")
    return buffer.getvalue()


def uri(content: bytes) -> str:
    """Return a PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _grown(levels: Levels) -> Image.Image:
    """Return a small picture enlarged by an integer factor."""
    picture = Image.fromarray(levels)
    times = max(1, round(_TILE / max(picture.size)))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
