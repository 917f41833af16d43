"""Small pictures of figures, by which one finds them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from posterity.picture_reader import opened

__all__ = ["thumbnail"]

_WIDE, _HIGH = 320, 200
"""Most pixels, which the page shows at half their size."""
_COLOURS = 64


def thumbnail(png: Path) -> str:
    """Return a figure's PNG, made small, as a data URI; "" where there is none.

    Raises:
        PosterityError: for a file that is no PNG.
    """
    if not png.exists():
        return ""
    with opened(png.read_bytes(), str(png), ("PNG",)) as image:
        small = image.convert("RGB")
        small.thumbnail((_WIDE, _HIGH), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.quantize(_COLOURS).save(out, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
