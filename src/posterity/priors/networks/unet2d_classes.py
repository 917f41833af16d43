"""A U-Net that attends to an embedding of the class, as latent diffusion's networks of ImageNet do.

`diffusers`' ``UNet2DConditionModel`` attends to a context (B, tokens, width); here that is one token, a row of a table
(Rombach et al. 2022, App. E.1). Networks of this family are converted; the stage "train" makes none.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from posterity.imports import NETWORKS, lean

__all__ = ["CALLED", "UNet2dClasses", "build"]

CALLED = "UNet2DConditionModel"


def build(**arguments: Any) -> nn.Module:
    return UNet2dClasses(**arguments)


class UNet2dClasses(nn.Module):
    """F(x, label, class): (B, C, H, W), labels (B,) and classes, long (B,) → (B, C, H, W).

    Arguments:
        num_class_embeds: number of classes.
        cross_attention_dim: width of a class's embedding.
        more: the other arguments of ``UNet2DConditionModel``.
    """

    def __init__(self, num_class_embeds: int, cross_attention_dim: int, **more: Any) -> None:
        super().__init__()
        with lean((), NETWORKS):
            from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

        self.unet = UNet2DConditionModel(cross_attention_dim=cross_attention_dim, **more)
        # the rows are replaced by those of a file
        self.class_embedding = nn.Embedding(num_class_embeds, cross_attention_dim)

    def forward(
        self, x: Tensor, label: Tensor, class_labels: Tensor, return_dict: bool = False  # noqa: ARG002
    ) -> tuple[Tensor]:  # fmt: skip
        """Return a 1-tuple of (B, C, H, W), like the models of `diffusers` with ``return_dict=False``."""
        context = self.class_embedding(class_labels)[:, None]
        found: Tensor = self.unet(x, label, encoder_hidden_states=context, return_dict=False)[0]
        return (found,)
