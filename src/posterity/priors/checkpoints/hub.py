"""Checkpoints saved by `diffusers`: config.json and diffusion_pytorch_model.safetensors or .bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["Hub", "HubAutoencoder"]

_AUTOENCODERS = {"AutoencoderKL": "kl", "VQModel": "vq"}

_OLD = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names of attention layers in models saved before 2023."""


@dataclass(frozen=True)
class Hub:
    """Settings that the file of weights lacks.

    Arguments:
        config: the content of config.json.
        schedule: that of scheduler_config.json: "linear" (1e-4 to 0.02), "cosine" ("squaredcos_cap_v2") or
            "scaled_linear".
        betas: its ``beta_start`` and ``beta_end``, for "scaled_linear"; 0.00085 and 0.012 unless given.
        prediction: its ``prediction_type``: "epsilon" or "v".
    """

    config: Mapping[str, Any]
    schedule: str = "linear"
    prediction: str = "epsilon"
    betas: Sequence[float] | None = None

    def card(self) -> dict[str, Any]:
        """Return the network's card: its architecture and parametrisation."""
        kind, size = self.config.get("_class_name"), self.config.get("sample_size")
        if kind != "UNet2DModel" or not isinstance(size, int):
            raise PosterityError(f"config.json describes a {kind} for images of size {size}, expected a UNet2DModel")
        inputs, outputs = self.config.get("in_channels", 3), self.config.get("out_channels", 3)
        if outputs not in (inputs, 2 * inputs):
            raise PosterityError(f"config.json: {outputs} channels come out of {inputs}, expected as many or twice")
        return {
            "architecture": dict(self.config),
            "signal_shape": [inputs, size, size],
            "prediction": self.prediction,
            "schedule": self.schedule,
            "learned_variance": outputs == 2 * inputs,
            **({} if self.betas is None else {"betas": list(self.betas)}),
        }

    def convert(self, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:  # noqa: ARG002
        """Rename attention layers to their current names, {name: tensor}; the rest is unchanged."""
        return renamed(state)


@dataclass(frozen=True)
class HubAutoencoder:
    """Settings that an autoencoder's file lacks.

    Arguments:
        config: the content of config.json.
        size: pixels per side; that of config.json unless given.
        scale: factor from codes to states; 1, as in whole models with a VQModel. The ``scaling_factor`` of config.json
            is ignored: if its author gave none, it is another model's.
    """

    config: Mapping[str, Any]
    size: int | None = None
    scale: float = 1.0

    def card(self) -> dict[str, Any]:
        """Return the autoencoder's card, without its scale."""
        kind, size = self.config.get("_class_name"), self.size or self.config.get("sample_size")
        if kind not in _AUTOENCODERS or not isinstance(size, int):
            known = " or ".join(_AUTOENCODERS)
            raise PosterityError(f"config.json describes a {kind} for images of size {size}, expected a {known}")
        levels = len(self.config.get("block_out_channels", (64,)))
        codes = self.config.get("latent_channels", 4 if kind == "AutoencoderKL" else 3)
        smallest = size >> levels - 1
        return {
            "family": _AUTOENCODERS[kind],
            "architecture": dict(self.config),
            "signal_shape": [self.config.get("in_channels", 3), size, size],
            "state_shape": [self.config.get("vq_embed_dim") or codes, smallest, smallest],
        }

    def convert(self, state: Mapping[str, Tensor], name: str) -> tuple[dict[str, Tensor], float]:
        """Return (tensors under current names, the scale)."""
        if not 0 < self.scale < float("inf"):
            raise PosterityError(f"{name}: scale {self.scale!r} is not a positive number")
        return renamed(state), self.scale


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename attention layers to their current names, {name: tensor}; the rest is unchanged."""
    out = {}
    for key, value in state.items():
        head, _, layer = key.rpartition(".attentions.")
        number, _, rest = layer.partition(".")
        part, _, kind = rest.rpartition(".")
        out[f"{head}.attentions.{number}.{_OLD[part]}.{kind}" if head and part in _OLD else key] = value
    return out
