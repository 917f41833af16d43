"""The U-Net of `diffusers` for square images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from posterity.errors import PosterityError
from posterity.imports import NETWORKS, lean

if TYPE_CHECKING:
    from posterity.priors.training import Training

__all__ = ["CALLED", "architecture", "build"]

CALLED = "UNet2DModel"


def architecture(how: Training, channels: int, size: int) -> dict[str, Any]:
    """Return the arguments of ``diffusers.UNet2DModel`` for images (channels, size, size).

    Raises:
        PosterityError: if the sides cannot be halved as often as the settings require.
    """
    if size % (1 << len(how.channels) - 1):
        raise PosterityError(f"images of {size}x{size} cannot be halved {len(how.channels) - 1} times")
    attends = [size >> level in how.attention for level in range(len(how.channels))]
    return {
        "sample_size": size,
        "in_channels": channels,
        "out_channels": channels * (2 if how.learned_variance else 1),
        "layers_per_block": how.layers,
        "block_out_channels": list(how.channels),
        "down_block_types": [("Attn" if a else "") + "DownBlock2D" for a in attends],
        "up_block_types": [("Attn" if a else "") + "UpBlock2D" for a in reversed(attends)],
        "attention_head_dim": how.head,
        "norm_num_groups": how.groups,
    }


def build(num_heads: int | None = None, **arguments: Any) -> nn.Module:
    """Return the network with fresh weights.

    Arguments:
        num_heads: heads of every attention layer, whatever its width; ``UNet2DModel`` itself knows a width of heads.
        arguments: of ``diffusers.UNet2DModel``.

    Raises:
        ValueError: if a layer's width is no multiple of ``num_heads``.
    """
    with lean((), NETWORKS):
        from diffusers.models.attention_processor import Attention
        from diffusers.models.unets.unet_2d import UNet2DModel

    made: nn.Module = UNet2DModel(**arguments)
    if num_heads is None:
        return made
    for layer in (layer for layer in made.modules() if isinstance(layer, Attention)):
        if layer.inner_dim % num_heads:
            raise ValueError(f"{layer.inner_dim} channels cannot be divided among num_heads = {num_heads}")
        layer.heads, layer.scale = num_heads, (layer.inner_dim // num_heads) ** -0.5
    return made
