"""Checkpoints of guided-diffusion (ADM, Dhariwal and Nichol 2021) and of networks trained with its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from posterity.priors.checkpoints._renaming import Renaming

__all__ = ["Adm", "attention", "levels", "residual"]

_RESIDUAL = {"in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
             "out_layers.3": "conv2"}  # fmt: skip


@dataclass(frozen=True)
class Adm:
    """Settings that the file lacks; the defaults are the 256x256 ImageNet network's.

    Arguments:
        size: pixels per side.
        channels: base number of channels, 128 for the FFHQ network.
        multipliers: factors of ``channels`` at each resolution.
        blocks: residual blocks per resolution, 1 for the FFHQ network.
        attention: resolutions with self-attention, (16,) for the FFHQ network.
        head: channels of an attention head.
        classes: 1000 for the class-conditional network.
        learned_variance: whether the output has a second half of channels for the variance.
        new_attention_order: whether q, k and v are split before the heads; no published network here has it.
        groups: groups of the group normalisation; 32 in all published networks.
    """

    size: int = 256
    channels: int = 256
    multipliers: Sequence[int] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2
    attention: Sequence[int] = (32, 16, 8)
    head: int = 64
    classes: int | None = None
    learned_variance: bool = True
    new_attention_order: bool = False
    groups: int = 32

    @property
    def attends(self) -> list[bool]:
        """Return for each resolution whether it has attention, finest first."""
        return [self.size >> level in self.attention for level in range(len(self.multipliers))]

    def card(self) -> dict[str, Any]:
        """Return the network's card: its architecture and parametrisation."""
        return {
            "architecture": levels(self.attends, ("Resnet{}sampleBlock2D", "Attn{}Block2D"))
            | {
                "sample_size": self.size,
                "in_channels": 3,
                "out_channels": 6 if self.learned_variance else 3,
                "layers_per_block": self.blocks,
                "block_out_channels": [self.channels * m for m in self.multipliers],
                "attention_head_dim": self.head,
                "resnet_time_scale_shift": "scale_shift",
                "downsample_type": "resnet",
                "upsample_type": "resnet",
                "norm_num_groups": self.groups,
                # otherwise the middle block's attention has no normalisation
                "attn_norm_num_groups": self.groups,
                "num_class_embeds": self.classes,
            },
            "signal_shape": [3, self.size, self.size],
            "prediction": "epsilon",
            "schedule": "linear",
            "learned_variance": self.learned_variance,
        }

    def convert(self, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
        """Convert guided-diffusion's state dict to the names of ``UNet2DModel``, {name: tensor}."""
        r = Renaming(state, name)
        r.move({"time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
                "input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out"})  # fmt: skip
        if self.classes is not None:
            r.out["class_embedding.weight"] = r.take("label_emb.weight")
        last = len(self.multipliers) - 1
        place = 1
        for level, attends in enumerate(self.attends):
            for block in range(self.blocks):
                self._pair(r, f"input_blocks.{place}", f"down_blocks.{level}", block, attends)
                place += 1
            if level != last:
                residual(r, f"input_blocks.{place}.0", f"down_blocks.{level}.downsamplers.0")
                place += 1
        residual(r, "middle_block.0", "mid_block.resnets.0")
        self._attention(r, "middle_block.1", "mid_block.attentions.0")
        residual(r, "middle_block.2", "mid_block.resnets.1")
        place = 0
        for level, attends in enumerate(reversed(self.attends)):
            for block in range(self.blocks + 1):
                self._pair(r, f"output_blocks.{place}", f"up_blocks.{level}", block, attends)
                if block == self.blocks and level != last:
                    # the last module of the level's last block
                    residual(r, f"output_blocks.{place}.{1 + attends}", f"up_blocks.{level}.upsamplers.0")
                place += 1
        return r.finish()

    def _pair(self, r: Renaming, old: str, new: str, block: int, attends: bool) -> None:
        residual(r, f"{old}.0", f"{new}.resnets.{block}")
        if attends:
            self._attention(r, f"{old}.1", f"{new}.attentions.{block}")

    def _attention(self, r: Renaming, old: str, new: str) -> None:
        order = "qkv, head, channel" if self.new_attention_order else "head, qkv, channel"
        r.move({f"{old}.norm": f"{new}.group_norm"})
        attention(r, f"{old}.qkv", f"{old}.proj_out", new, self.head, order)


def levels(attends: Sequence[bool], blocks: tuple[str, str]) -> dict[str, list[str]]:
    """Return the names of the down and up blocks; ``blocks`` is (without, with) attention, {} is the direction."""
    down = [blocks[a].format("Down") for a in attends]
    return {"down_block_types": down, "up_block_types": [blocks[a].format("Up") for a in reversed(attends)]}


def residual(r: Renaming, old: str, new: str) -> None:
    """Move a residual block."""
    r.move(_RESIDUAL, f"{old}.", f"{new}.")
    if r.has(f"{old}.skip_connection.weight"):
        r.move({f"{old}.skip_connection": f"{new}.conv_shortcut"})


def attention(r: Renaming, qkv: str, projection: str, new: str, head: int, order: str) -> None:
    """Split one convolution for q, k and v into three linear layers with contiguous heads.

    Arguments:
        r: the renaming.
        qkv, projection, new: names of the layers.
        head: channels of a head.
        order: axes of the 3C output channels, slowest first: "qkv", "head" and "channel".
    """
    axes = order.split(", ")
    for part in ("weight", "bias"):
        whole = r.take(f"{qkv}.{part}")
        width = len(whole) // 3
        sizes = {"qkv": 3, "head": width // head, "channel": head}
        split = whole.reshape([sizes[axis] for axis in axes] + [-1] * (part == "weight"))
        split = split.movedim([axes.index(axis) for axis in ("qkv", "head", "channel")], [0, 1, 2])
        for target, value in zip(("to_q", "to_k", "to_v"), split, strict=True):
            r.out[f"{new}.{target}.{part}"] = value.reshape(width, -1) if part == "weight" else value.reshape(-1)
        last = r.take(f"{projection}.{part}")
        r.out[f"{new}.to_out.0.{part}"] = last.flatten(1) if part == "weight" else last
