"""Checkpoints of EDM's ADM networks (Karras et al. 2022), ImageNet 64x64.

The network is ADM's under other names, with another order of q, k and v, a class embedding stored as a
matrix for one-hot labels, and ln(σ)/4 as the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from posterity.priors.checkpoints._renaming import Renaming
from posterity.priors.checkpoints.adm import Adm, attention

__all__ = ["Edm"]

_RESIDUAL = {"norm0": "norm1", "conv0": "conv1", "affine": "time_emb_proj", "norm1": "norm2", "conv1": "conv2"}


@dataclass(frozen=True)
class Edm:
    """Settings that the file lacks; the defaults are ``edm-imagenet-64x64-cond-adm``'s.

    Arguments:
        size: pixels per side.
        channels: base number of channels.
        multipliers: factors of ``channels`` at each resolution.
        blocks: residual blocks per resolution.
        attention: resolutions with self-attention.
        head: channels of an attention head.
        classes: number of classes, None for an unconditional network.
        groups: groups of the group normalisation.
    """

    size: int = 64
    channels: int = 192
    multipliers: Sequence[int] = (1, 2, 3, 4)
    blocks: int = 3
    attention: Sequence[int] = (32, 16, 8)
    head: int = 64
    classes: int | None = 1000
    groups: int = 32

    def card(self) -> dict[str, Any]:
        """Return the network's card: its architecture and parametrisation."""
        same = Adm(self.size, self.channels, self.multipliers, self.blocks, self.attention, self.head, self.classes,
                   learned_variance=False, groups=self.groups)  # fmt: skip
        # the schedule is only an interface: the network itself takes σ
        return same.card() | {"prediction": "edm", "sigma_data": 0.5, "label_factor": 0.25}

    def convert(self, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
        """Convert EDM's DhariwalUNet to the names of ``UNet2DModel``, {name: tensor}; drops EDMPrecond's ``model.``."""
        bare = {key.removeprefix("model."): value for key, value in state.items()}
        # constant filters of its resampling convolutions, all the mean of 2x2 pixels
        r = Renaming({k: v for k, v in bare.items() if not k.endswith("resample_filter")}, name)
        r.move({"map_layer0": "time_embedding.linear_1", "map_layer1": "time_embedding.linear_2",
                f"enc.{self.size}x{self.size}_conv": "conv_in", "out_norm": "conv_norm_out",
                "out_conv": "conv_out"})  # fmt: skip
        if self.classes is not None:
            r.out["class_embedding.weight"] = r.take("map_label.weight").T.contiguous()
        last = len(self.multipliers) - 1
        for level in range(last + 1):
            side = self.size >> level
            attends = side in self.attention
            here, down, up = f"{side}x{side}", f"down_blocks.{level}", f"up_blocks.{last - level}"
            for block in range(self.blocks):
                self._block(r, f"enc.{here}_block{block}", f"{down}.resnets.{block}", attends)
            for block in range(self.blocks + 1):
                self._block(r, f"dec.{here}_block{block}", f"{up}.resnets.{block}", attends)
            if level != 0:
                self._block(r, f"enc.{here}_down", f"down_blocks.{level - 1}.downsamplers.0", False)
            if level != last:
                self._block(r, f"dec.{here}_up", f"up_blocks.{last - level - 1}.upsamplers.0", False)
        deepest = f"{self.size >> last}x{self.size >> last}"
        self._block(r, f"dec.{deepest}_in0", "mid_block.resnets.0", True)
        self._block(r, f"dec.{deepest}_in1", "mid_block.resnets.1", False)
        return r.finish()

    def _block(self, r: Renaming, old: str, new: str, attends: bool) -> None:
        r.move(_RESIDUAL, f"{old}.", f"{new}.")
        if r.has(f"{old}.skip.weight"):
            r.move({f"{old}.skip": f"{new}.conv_shortcut"})
        if attends:
            beside = new.replace("resnets", "attentions")
            r.move({f"{old}.norm2": f"{beside}.group_norm"})
            attention(r, f"{old}.qkv", f"{old}.proj", beside, self.head, "head, channel, qkv")
