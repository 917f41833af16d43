"""A small network on patches that starts as their principal components.

Images are unshuffled to patches, which are the positions of a state. Encoder and decoder are each a linear map of a
patch, initialised to its principal components, and a stack of residual blocks, initialised to 0: training starts from
patch PCA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from posterity.errors import PosterityError
from posterity.priors.autoencoders.affine import PatchPCA, patch_entries

if TYPE_CHECKING:
    from posterity.priors.autoencoders.training import Training

__all__ = ["CALLED", "Patches", "architecture", "begin", "build", "decode", "encode", "learn"]

CALLED = "Patches"
_GROUPS = 8


class _Block(nn.Module):
    """A residual block of two convolutions, initialised to the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(_GROUPS, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(_GROUPS, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip
        _zero(self.body[-1])

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x)
        return x + found


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _stack(inputs: int, width: int, blocks: int, outputs: int) -> nn.Sequential:
    """Return convolutions (B, inputs, h, w) → (B, outputs, h, w) whose last one is initialised to 0."""
    middle = [_Block(width) for _ in range(blocks)]
    last = nn.Conv2d(width, outputs, 3, padding=1)
    _zero(last)
    return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), *middle, nn.GroupNorm(_GROUPS, width), nn.SiLU(), last)


class Patches(nn.Module):
    """E(x) = U + e(U) and D(z) = V z + d(z) on patches; U and V are linear maps of a patch.

    Arguments:
        in_channels: channels of images.
        patch: p, which must divide their sides.
        components: k, of states (k, H/p, W/p).
        width: channels of both stacks, a multiple of 8.
        encoder_blocks, decoder_blocks: residual blocks of each.
    """

    def __init__(
        self, in_channels: int, patch: int, components: int, width: int, encoder_blocks: int, decoder_blocks: int
    ) -> None:
        super().__init__()
        if width % _GROUPS:
            raise PosterityError(f"width is {width}, expected a multiple of {_GROUPS}")
        entries = in_channels * patch**2
        self.patch = patch
        self.analysis = nn.Conv2d(entries, components, 1)
        self.synthesis = nn.Conv2d(components, entries, 1)
        self.encoder = _stack(entries, width, encoder_blocks, components)
        self.decoder = _stack(components, width, decoder_blocks, entries)

    def encode(self, x: Tensor) -> Tensor:
        """Return codes (B, k, H/p, W/p) of images (B, C, H, W)."""
        parts = pixel_unshuffle(x, self.patch)
        found: Tensor = self.analysis(parts) + self.encoder(parts)
        return found

    def decode(self, codes: Tensor) -> Tensor:
        """Return images (B, C, H, W) of codes (B, k, H/p, W/p)."""
        return pixel_shuffle(self.synthesis(codes) + self.decoder(codes), self.patch)


def architecture(how: Training, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments of :class:`Patches` for images of this shape.

    Raises:
        PosterityError: if patches do not tile them, or have fewer entries than a state has channels.
    """
    entries = patch_entries(shape, how.patch)
    if how.components > entries:
        raise PosterityError(f"components = {how.components}: patches have {entries} numbers; choose 1 to {entries}")
    return {
        "in_channels": shape[0],
        "patch": how.patch,
        "components": how.components,
        "width": how.width,
        "encoder_blocks": how.encoder_blocks,
        "decoder_blocks": how.decoder_blocks,
    }


def build(**arguments: Any) -> nn.Module:
    return Patches(**arguments)


def begin(network: Patches, images: Tensor) -> None:
    """Set the linear maps to the principal components of the images' patches, with states of standard deviation 1."""
    pca = PatchPCA.fit(images, network.patch, network.analysis.out_channels)
    there, back = pca.scale * pca.matrix.T, pca.matrix / pca.scale
    for layer, weight, bias in (
        (network.analysis, there, -there @ pca.centre),
        (network.synthesis, back, pca.centre),
    ):
        layer.load_state_dict({"weight": weight[..., None, None], "bias": bias})


def encode(network: Patches, x: Tensor) -> Tensor:
    return network.encode(x)


def decode(network: Patches, codes: Tensor, quantise: bool) -> Tensor:  # noqa: ARG001 - there is no code book
    return network.decode(codes)


def learn(network: Patches, x: Tensor, normal: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    codes = network.encode(x)
    # states must stay near the unit scale of the prior; nothing else keeps them from growing
    excess = (codes.square().mean() - 1).relu()
    return network.decode(codes), excess
