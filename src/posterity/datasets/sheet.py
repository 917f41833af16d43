"""A contact sheet: every item above its id and name."""

from __future__ import annotations

import io
from collections.abc import Sequence

from posterity.datasets.items import Item

__all__ = ["sheet"]

_TEXT, _GAP = 9, 6


def sheet(items: Sequence[Item]) -> bytes:
    """PNG bytes; about three columns for two rows."""
    from PIL import Image, ImageDraw, ImageFont

    side = max(i.pixels.shape[0] for i in items)
    width, height = max(side, 104) + _GAP, side + 2 * (_TEXT + 3) + _GAP
    columns = max(1, round((1.5 * len(items) * height / width) ** 0.5))
    font = ImageFont.load_default(_TEXT)
    page = Image.new("RGB", (columns * width, -(-len(items) // columns) * height), "white")
    draw = ImageDraw.Draw(page)
    for k, item in enumerate(items):
        x, y = k % columns * width + _GAP // 2, k // columns * height + _GAP // 2
        page.paste(Image.fromarray(item.pixels), (x + (width - _GAP - side) // 2, y))
        for line, (text, colour) in enumerate(((item.id, "#555555"), (item.name, "black"))):
            while font.getlength(text) > width - _GAP:
                text = text.rstrip("…")[:-1] + "…"
            draw.text((x, y + side + 2 + line * (_TEXT + 3)), text, fill=colour, font=font)
    buffer = io.BytesIO()
    page.save(buffer, format="PNG")
    return buffer.getvalue()
