"""A contact sheet: items with their ids and names below."""

from __future__ import annotations

import io

from posterity.datasets.items import DataSet, Item
from posterity.signals import Picture

__all__ = ["sheet"]

_TEXT, _GAP = 9, 6
_PIXELS = 40_000_000
"""Largest number of pixels of a sheet, so that any viewer can open it."""


def sheet(dataset: DataSet) -> bytes:
    """Return PNG bytes, with a ratio of about three columns to two rows and at most ``_PIXELS`` pixels."""
    from PIL import Image, ImageDraw, ImageFont

    first = _picture(dataset, dataset.items[0])
    items = dataset.items[: max(1, _PIXELS // first.size * 3)]
    pictures = [_picture(dataset, item) for item in items]
    tall, wide = max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures)
    width, height = max(wide, 104) + _GAP, tall + 2 * (_TEXT + 3) + _GAP
    columns = max(1, round((1.5 * len(items) * height / width) ** 0.5))
    font = ImageFont.load_default(_TEXT)
    page = Image.new("RGB", (columns * width, -(-len(items) // columns) * height), "white")
    draw = ImageDraw.Draw(page)
    for k, (item, picture) in enumerate(zip(items, pictures, strict=True)):
        x, y = k % columns * width + _GAP // 2, k // columns * height + _GAP // 2
        page.paste(Image.fromarray(picture), (x + (width - _GAP - wide) // 2, y))
        for line, (text, colour) in enumerate(((item.id, "#555555"), (item.name, "black"))):
            while font.getlength(text) > width - _GAP:
                text = text.rstrip("…")[:-1] + "…"
            draw.text((x, y + tall + 2 + line * (_TEXT + 3)), text, fill=colour, font=font)
    buffer = io.BytesIO()
    page.save(buffer, format="PNG")
    return buffer.getvalue()


def _picture(dataset: DataSet, item: Item) -> Picture:
    import numpy as np
    import torch

    if item.signal.dtype == np.uint8:
        return np.broadcast_to(item.signal.astype(np.uint8), (*item.signal.shape[:2], 3))
    return dataset.kind.picture(torch.from_numpy(item.signal))
