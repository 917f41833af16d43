"""First stages of latent diffusion (Rombach et al. 2022, App. E), VQ-f4, KL-f8 and VQ-f8: alone or of a whole model.

Names in the files are those of the authors' code. In the file of a whole model they begin with ``first_stage_model.``,
and its buffer ``scale_factor`` is the factor from codes to states. A file of the first stage alone also has the
networks of its training loss, which are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.checkpoints._renaming import Renaming
from posterity.priors.checkpoints.ddpm import attention, residual

__all__ = ["PRESETS", "FirstStage"]

_WHOLE, _TRAINING = "first_stage_model.", "loss."


@dataclass(frozen=True)
class FirstStage:
    """Settings that the file lacks; the defaults are VQ-f4's.

    Arguments:
        family: "vq" or "kl".
        size: pixels per side.
        channels: base number of channels.
        multipliers: factors of ``channels`` at each resolution.
        blocks: residual blocks per resolution of the encoder; the decoder has one more.
        attention: resolutions with single-head self-attention, besides the middle block's.
        components: channels of a state.
        codes: number of codes in the book of a "vq".
        scale: factor from codes to states if the file has none; whole models with "vq" use 1.
        groups: groups of the group normalisation.
    """

    family: Literal["vq", "kl"] = "vq"
    size: int = 256
    channels: int = 128
    multipliers: Sequence[int] = (1, 2, 4)
    blocks: int = 2
    attention: Sequence[int] = ()
    components: int = 3
    codes: int = 8192
    scale: float = 1.0
    groups: int = 32

    @property
    def attends(self) -> list[bool]:
        """Return for each resolution whether it has attention, finest first."""
        return [self.size >> level in self.attention for level in range(len(self.multipliers))]

    def card(self) -> dict[str, Any]:
        """Return the autoencoder's card, without the scale, which may be in the file."""
        types = ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"), ("UpDecoderBlock2D", "AttnUpDecoderBlock2D")
        architecture = {
            "in_channels": 3,
            "out_channels": 3,
            "sample_size": self.size,
            "latent_channels": self.components,
            "block_out_channels": [self.channels * m for m in self.multipliers],
            "layers_per_block": self.blocks,
            "norm_num_groups": self.groups,
            "down_block_types": [types[0][a] for a in self.attends],
            "up_block_types": [types[1][a] for a in reversed(self.attends)],
        }
        if self.family == "vq":
            architecture |= {"num_vq_embeddings": self.codes, "vq_embed_dim": self.components}
        smallest = self.size >> len(self.multipliers) - 1
        return {
            "family": self.family,
            "architecture": architecture,
            "signal_shape": [3, self.size, self.size],
            "state_shape": [self.components, smallest, smallest],
        }

    def convert(self, state: Mapping[str, Tensor], name: str) -> tuple[dict[str, Tensor], float]:
        """Return (tensors under the names of `diffusers`, the scale)."""
        found = state.get("scale_factor")
        scale = self.scale if found is None else float(found)
        if not 0 < scale < float("inf"):
            raise PosterityError(f"{name}: its scale_factor {scale!r} is not a positive number")
        whole = {k.removeprefix(_WHOLE): v for k, v in state.items() if k.startswith(_WHOLE)}
        r = Renaming({k: v for k, v in (whole or state).items() if not k.startswith(_TRAINING)}, name)
        r.move({"post_quant_conv": "post_quant_conv"})
        if self.family == "vq":
            r.out["quantize.embedding.weight"] = r.take("quantize.embedding.weight")
        self.move_encoder(r)
        self._ends(r, "decoder")
        last = len(self.multipliers) - 1
        for level in range(last + 1):
            # numbered from the finest in the file
            up = f"decoder.up_blocks.{last - level}"
            self._level(r, f"decoder.up.{level}", up, level, self.blocks + 1)
            if level != 0:
                r.move({f"decoder.up.{level}.upsample.conv": f"{up}.upsamplers.0.conv"})
        return r.finish(), scale

    def move_encoder(self, r: Renaming) -> None:
        """Move the encoder with the convolution that follows it."""
        r.move({"quant_conv": "quant_conv"})
        self._ends(r, "encoder")
        for level in range(len(self.multipliers)):
            down = f"encoder.down_blocks.{level}"
            self._level(r, f"encoder.down.{level}", down, level, self.blocks)
            if level != len(self.multipliers) - 1:
                r.move({f"encoder.down.{level}.downsample.conv": f"{down}.downsamplers.0.conv"})

    def _ends(self, r: Renaming, half: str) -> None:
        """Move the first and last layers of a half, and its middle."""
        ends = {"conv_in": "conv_in", "norm_out": "conv_norm_out", "conv_out": "conv_out"}
        r.move(ends, f"{half}.", f"{half}.")
        residual(r, f"{half}.mid.block_1", f"{half}.mid_block.resnets.0", embedded=False)
        attention(r, f"{half}.mid.attn_1", f"{half}.mid_block.attentions.0")
        residual(r, f"{half}.mid.block_2", f"{half}.mid_block.resnets.1", embedded=False)

    def _level(self, r: Renaming, old: str, new: str, level: int, count: int) -> None:
        """Move the ``count`` blocks of a resolution."""
        for block in range(count):
            residual(r, f"{old}.block.{block}", f"{new}.resnets.{block}", embedded=False)
            if self.attends[level]:
                attention(r, f"{old}.attn.{block}", f"{new}.attentions.{block}")


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "vq-f4": {},
        "kl-f8": {"family": "kl", "multipliers": (1, 2, 4, 4), "components": 4},
        "vq-f8": {"multipliers": (1, 2, 2, 4), "attention": (32,), "components": 4, "codes": 16384},
    }
)
"""Settings of the published first stages, for 256x256 images."""
