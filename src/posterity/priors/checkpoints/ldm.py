"""Networks of latent diffusion (Rombach et al. 2022, App. E): CelebA-HQ, FFHQ, LSUN and ImageNet at 256x256.

They predict the noise of states of a first stage (:mod:`posterity.priors.checkpoints.first_stage`), which the same file
holds. Names of tensors are those of guided-diffusion, from which the code derives; the ImageNet networks also attend to
a class embedding, in blocks that have the same names in `diffusers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import Tensor

from posterity.errors import PosterityError
from posterity.priors.checkpoints._renaming import Renaming
from posterity.priors.checkpoints.adm import attention, levels, residual

__all__ = ["PRESETS", "Ldm"]

_NETWORK, _AVERAGED, _CLASSES = "model.diffusion_model.", "model_ema.", "cond_stage_model.embedding.weight"


@dataclass(frozen=True)
class Ldm:
    """Settings that the file lacks; the defaults are those of CelebA-HQ, FFHQ and LSUN bedrooms.

    Arguments:
        size: numbers per side of a state.
        components: channels of a state.
        channels: base number of channels.
        multipliers: factors of ``channels`` at each resolution.
        blocks: residual blocks per resolution.
        attention: resolutions with self-attention, in numbers per side.
        head: channels of an attention head.
        heads: heads of each attention layer, regardless of its width; replaces ``head``.
        scale_shift: whether the time scales and shifts, and residual blocks change resolutions, as in guided-diffusion.
        classes: number of classes, with the null class, which is the last; None for an unconditional network.
        context: width of a class's embedding.
        betas: first and last β of the schedule, which is linear in √β.
        averaged: take the averaged weights (EMA) where the file has them.
        groups: groups of the group normalisation.
    """

    size: int = 64
    components: int = 3
    channels: int = 224
    multipliers: Sequence[int] = (1, 2, 3, 4)
    blocks: int = 2
    attention: Sequence[int] = (32, 16, 8)
    head: int = 32
    heads: int | None = None
    scale_shift: bool = False
    classes: int | None = None
    context: int = 512
    betas: Sequence[float] = (0.0015, 0.0195)
    averaged: bool = True
    groups: int = 32

    @property
    def attends(self) -> list[bool]:
        """Return for each resolution whether it has attention, finest first."""
        return [self.size >> level in self.attention for level in range(len(self.multipliers))]

    @property
    def widths(self) -> list[int]:
        """Return the channels at each resolution, finest first."""
        return [self.channels * m for m in self.multipliers]

    def card(self) -> dict[str, Any]:
        """Return the network's card: its architecture and parametrisation."""
        common = {
            "sample_size": self.size,
            "in_channels": self.components,
            "out_channels": self.components,
            "layers_per_block": self.blocks,
            "block_out_channels": self.widths,
            "norm_num_groups": self.groups,
        }
        about = self._unconditional() if self.classes is None else self._conditional(self.classes)
        about["architecture"] |= common
        return about | {
            "signal_shape": [self.components, self.size, self.size],
            "prediction": "epsilon",
            "schedule": "scaled_linear",
            "betas": list(self.betas),
            "learned_variance": False,
        }

    def _unconditional(self) -> dict[str, Any]:
        blocks = ("Resnet{}sampleBlock2D" if self.scale_shift else "{}Block2D", "Attn{}Block2D")
        architecture: dict[str, Any] = levels(self.attends, blocks)
        architecture |= {"attention_head_dim": self.head, "attn_norm_num_groups": self.groups}
        if self.heads is not None:
            # any divisor of all widths: the number of heads replaces it
            architecture |= {"attention_head_dim": self.channels, "num_heads": self.heads}
        if self.scale_shift:
            architecture["resnet_time_scale_shift"] = "scale_shift"
            architecture |= {"downsample_type": "resnet", "upsample_type": "resnet"}
        return {"architecture": architecture}

    def _conditional(self, classes: int) -> dict[str, Any]:
        architecture: dict[str, Any] = levels(self.attends, ("{}Block2D", "CrossAttn{}Block2D"))
        architecture |= {
            # in this class the name means the number of heads at each resolution
            "attention_head_dim": [self.heads or width // self.head for width in self.widths],
            "cross_attention_dim": self.context,
            "num_class_embeds": classes,
        }
        return {"family": "unet2d_classes", "architecture": architecture, "null_class": classes - 1}

    def convert(self, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
        """Convert a whole model's state dict, or its network's alone, to the names of `diffusers`, {name: tensor}."""
        r = Renaming(self._network(state, name), name)
        r.move({"time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
                "input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out"})  # fmt: skip
        last, place = len(self.multipliers) - 1, 1
        for level, attends in enumerate(self.attends):
            for block in range(self.blocks):
                self._pair(r, f"input_blocks.{place}", f"down_blocks.{level}", block, level, attends)
                place += 1
            if level != last:
                self._resampling(r, f"input_blocks.{place}.0", f"down_blocks.{level}.downsamplers.0", "op")
                place += 1
        residual(r, "middle_block.0", "mid_block.resnets.0")
        self._attention(r, "middle_block.1", "mid_block.attentions.0", last)
        residual(r, "middle_block.2", "mid_block.resnets.1")
        place = 0
        for level, attends in reversed(list(enumerate(self.attends))):
            new = f"up_blocks.{last - level}"
            for block in range(self.blocks + 1):
                self._pair(r, f"output_blocks.{place}", new, block, level, attends)
                if block == self.blocks and level != 0:
                    # the last module of the level's last block
                    self._resampling(r, f"output_blocks.{place}.{1 + attends}", f"{new}.upsamplers.0", "conv")
                place += 1
        found = r.finish()
        if self.classes is None:
            return found
        if _CLASSES not in state:
            raise PosterityError(f"{name} is of another architecture: missing key {_CLASSES}")
        return {f"unet.{k}": v for k, v in found.items()} | {"class_embedding.weight": state[_CLASSES]}

    def _network(self, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
        """Return the network's tensors under their names in it, averaged ones if the file has them.

        Averaged ones are stored under the full name without its dots.
        """
        raw = {k.removeprefix(_NETWORK): v for k, v in state.items() if k.startswith(_NETWORK)}
        if not raw:
            return {k: v for k, v in state.items() if k != _CLASSES}
        shadows = {k for k in state if k.startswith(f"{_AVERAGED}{_NETWORK[6:-1]}")}
        if not (self.averaged and shadows):
            return raw
        averaged = {k: _AVERAGED + (_NETWORK.removeprefix("model.") + k).replace(".", "") for k in raw}
        if shadows != {*averaged.values()}:
            first = min(shadows ^ {*averaged.values()})
            told = "unexpected" if first in shadows else "missing"
            raise PosterityError(f"{name} is of another architecture: {told} key {first}")
        return {k: state[shadow] for k, shadow in averaged.items()}

    def _pair(self, r: Renaming, old: str, new: str, block: int, level: int, attends: bool) -> None:
        residual(r, f"{old}.0", f"{new}.resnets.{block}")
        if attends:
            self._attention(r, f"{old}.1", f"{new}.attentions.{block}", level)

    def _resampling(self, r: Renaming, old: str, new: str, layer: str) -> None:
        if self.scale_shift:
            residual(r, old, new)
        else:
            r.move({f"{old}.{layer}": f"{new}.conv"})

    def _attention(self, r: Renaming, old: str, new: str, level: int) -> None:
        if self.classes is not None:
            r.move_all(f"{old}.", f"{new}.")
            return
        head = self.head if self.heads is None else self.widths[level] // self.heads
        r.move({f"{old}.norm": f"{new}.group_norm"})
        attention(r, f"{old}.qkv", f"{old}.proj_out", new, head, "head, qkv, channel")


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "ldm": {},
        "ldm-churches": {
            "size": 32, "components": 4, "channels": 192, "multipliers": (1, 2, 2, 4, 4), "attention": (32, 16, 8, 4),
            "heads": 8, "scale_shift": True, "betas": (0.0015, 0.0155),
        },
        "ldm-cin256-v2": {"channels": 192, "multipliers": (1, 2, 3, 5), "heads": 1, "classes": 1001},
        "ldm-cin256": {
            "size": 32, "components": 4, "channels": 256, "multipliers": (1, 2, 4), "classes": 1001,
        },
    }
)  # fmt: skip
"""Settings of the published ones: CelebA-HQ, FFHQ and bedrooms; churches; ImageNet behind VQ-f4 and behind VQ-f8."""
