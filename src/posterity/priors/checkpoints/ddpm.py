"""Checkpoints of PyTorch ports of Ho et al. 2020, such as SDEdit's CelebA-HQ network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from posterity.priors.checkpoints._renaming import Renaming
from posterity.priors.checkpoints.adm import levels

__all__ = ["Ddpm", "attention", "residual"]

_RESIDUAL = {"norm1": "norm1", "conv1": "conv1", "temb_proj": "time_emb_proj", "norm2": "norm2", "conv2": "conv2"}
_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}


@dataclass(frozen=True)
class Ddpm:
    """Settings that the file lacks; the defaults are SDEdit's CelebA-HQ network's.

    Arguments:
        size: pixels per side.
        channels: base number of channels.
        multipliers: factors of ``channels`` at each resolution.
        blocks: residual blocks per resolution.
        attention: resolutions with single-head self-attention.
        groups: groups of the group normalisation.
    """

    size: int = 256
    channels: int = 128
    multipliers: Sequence[int] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2
    attention: Sequence[int] = (16,)
    groups: int = 32

    @property
    def attends(self) -> list[bool]:
        """Return for each resolution whether it has attention, finest first."""
        return [self.size >> level in self.attention for level in range(len(self.multipliers))]

    def card(self) -> dict[str, Any]:
        """Return the network's card: its architecture and parametrisation."""
        return {
            "architecture": levels(self.attends, ("{}Block2D", "Attn{}Block2D"))
            | {
                "sample_size": self.size,
                "in_channels": 3,
                "out_channels": 3,
                "layers_per_block": self.blocks,
                "block_out_channels": [self.channels * m for m in self.multipliers],
                "attention_head_dim": None,
                "flip_sin_to_cos": False,
                "freq_shift": 1,
                "downsample_padding": 0,
                "norm_eps": 1e-6,
                "norm_num_groups": self.groups,
            },
            "signal_shape": [3, self.size, self.size],
            "prediction": "epsilon",
            "schedule": "linear",
            "learned_variance": False,
        }

    def convert(self, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
        """Convert to the names of ``UNet2DModel``, {name: tensor}; the source numbers up blocks by resolution."""
        r = Renaming(state, name)
        r.move({"temb.dense.0": "time_embedding.linear_1", "temb.dense.1": "time_embedding.linear_2",
                "conv_in": "conv_in", "norm_out": "conv_norm_out", "conv_out": "conv_out"})  # fmt: skip
        last = len(self.multipliers) - 1
        for level, attends in enumerate(self.attends):
            down, up = f"down_blocks.{level}", f"up_blocks.{last - level}"
            for old, new, count in ((f"down.{level}", down, self.blocks), (f"up.{level}", up, self.blocks + 1)):
                for block in range(count):
                    residual(r, f"{old}.block.{block}", f"{new}.resnets.{block}")
                    if attends:
                        attention(r, f"{old}.attn.{block}", f"{new}.attentions.{block}")
            if level != last:
                r.move({f"down.{level}.downsample.conv": f"{down}.downsamplers.0.conv"})
            if level != 0:
                r.move({f"up.{level}.upsample.conv": f"{up}.upsamplers.0.conv"})
        residual(r, "mid.block_1", "mid_block.resnets.0")
        attention(r, "mid.attn_1", "mid_block.attentions.0")
        residual(r, "mid.block_2", "mid_block.resnets.1")
        return r.finish()


def residual(r: Renaming, old: str, new: str, embedded: bool = True) -> None:
    """Move a residual block; ``embedded`` says whether it is told the time."""
    r.move({k: v for k, v in _RESIDUAL.items() if embedded or k != "temb_proj"}, f"{old}.", f"{new}.")
    if r.has(f"{old}.nin_shortcut.weight"):
        r.move({f"{old}.nin_shortcut": f"{new}.conv_shortcut"})


def attention(r: Renaming, old: str, new: str) -> None:
    """Move self-attention of one head, whose layers are 1x1 convolutions in the file and linear in `diffusers`."""
    r.move(_ATTENTION, f"{old}.", f"{new}.")
    for layer in ("to_q", "to_k", "to_v", "to_out.0"):
        r.out[f"{new}.{layer}.weight"] = r.out[f"{new}.{layer}.weight"].flatten(1)
