"""Images and masks: PNG bytes ↔ tensors in [-1, 1]."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from posterity.picture_reader import opened

__all__ = ["decode", "encode"]


def encode(x: Tensor) -> dict[str, object]:
    """Return an image (C, H, W) in [-1, 1], clamped and rounded to eight bits, as the ``IMAGE`` struct."""
    levels = ((x.detach().cpu().double().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(buffer, format="PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def decode(image: dict[str, object] | None, name: str = "image") -> Tensor:
    """Return the image of an ``IMAGE`` struct, float32 (C, H, W) in [-1, 1]."""
    content = image.get("bytes") if image else None
    with opened(content if isinstance(content, bytes) else b"", name, ("PNG",)) as found:
        if found.mode not in ("L", "RGB"):
            raise ValueError(f"its mode is {found.mode}, expected eight bits of grey or of RGB")
        levels = np.array(found)
    tensor = torch.from_numpy(levels).to(torch.float32) / 127.5 - 1
    return tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)
