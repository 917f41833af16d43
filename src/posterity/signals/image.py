"""Images: (C, H, W) in [-1, 1] with one or three channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from posterity.signals.base import Kind, Picture

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Image"]


class Image(Kind):
    """Grey or RGB images; may be mirrored."""

    name: ClassVar[str] = "image"
    noun: ClassVar[str] = "image"
    bounds: ClassVar[tuple[float, float] | None] = (-1.0, 1.0)
    flips: ClassVar[bool] = True

    def shape(self, size: int) -> tuple[int, ...]:
        return 3, size, size

    def fits(self, shape: Sequence[int]) -> bool:
        return len(shape) == 3 and shape[0] in (1, 3)

    def picture(self, x: Tensor) -> Picture:
        """Clamp (C, H, W) to [-1, 1] and round to 8 bits, (H, W, 3); grey is repeated to three channels."""
        import torch

        levels = ((x.detach().cpu().double().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        picture: Picture = levels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
        return picture
