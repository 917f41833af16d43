"""Arguments for the resolution levels of both `diffusers` autoencoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError

if TYPE_CHECKING:
    from posterity.priors.autoencoders.training import Training

__all__ = ["halved"]


def halved(how: Training, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments for images (C, H, W) that are halved between the levels of ``how.channels``.

    Raises:
        PosterityError: if their sides cannot be halved as often.
    """
    times = len(how.channels) - 1
    if len(shape) != 3 or any(side % (1 << times) for side in shape[1:]):
        raise PosterityError(f"signals of shape {tuple(shape)} cannot be halved {times} times")
    return {
        "in_channels": shape[0],
        "out_channels": shape[0],
        "sample_size": shape[-1],
        "latent_channels": how.components,
        "block_out_channels": list(how.channels),
        "layers_per_block": how.layers,
        "norm_num_groups": how.groups,
        "down_block_types": ["DownEncoderBlock2D"] * (times + 1),
        "up_block_types": ["UpDecoderBlock2D"] * (times + 1),
    }
