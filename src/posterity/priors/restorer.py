"""Networks that restore in one forward pass: the papers' baselines, loaded with spandrel.

They have no denoiser, so only the samplers of their names can use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from posterity.diffusion.levels import Level
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.imports import lean
from posterity.priors.base import Prior

__all__ = ["FAMILIES", "Restorer", "load"]


class Restorer(Prior):
    """A frozen network in float32.

    Arguments:
        network: the network.
        family: a key of ``FAMILIES``.
        signal_shape: (C, H, W) of its restorations.
        scale: upscaling factor per side.
    """

    def __init__(self, network: nn.Module, family: str, signal_shape: tuple[int, ...], scale: int = 1) -> None:
        self.network = network.eval().requires_grad_(False)
        self.family, self.signal_shape, self.scale = family, signal_shape, scale
        self.schedule = Schedule.linear()
        first = next(network.parameters())
        self.dtype, self.device = first.dtype, first.device

    def predict(self, x_t: Tensor, level: Level) -> NoReturn:  # noqa: ARG002
        """Raise PosterityError: a restorer has no denoiser for x_t (B, *signal)."""
        raise PosterityError(f"a restorer has no denoiser; use it with the sampler {self.family}")

    def of(self, family: str) -> Restorer:
        """Return itself if it is of this family; raise PosterityError otherwise."""
        if self.family != family:
            raise PosterityError(f"sampler {family}: its prior is a restorer of family {self.family!r}")
        return self


def load(weights: Path, family: str, shape: tuple[int, ...], device: torch.device | str = "cpu") -> Restorer:
    """Load the network in ``weights``, as published or as safetensors with the same names.

    Arguments:
        weights: the file.
        family: a key of ``FAMILIES``.
        shape: (C, H, W) of the signals to restore.
        device: where it computes.
    """
    from posterity.priors.checkpoints import read

    if family not in FAMILIES:
        raise PosterityError(f"restorer family {family!r} is none of {', '.join(FAMILIES)}")
    network, size, scale = FAMILIES[family](read(weights), str(weights))
    if shape[0] != 3 or size not in (None, *shape[1:]):
        wanted = f"color images of {size}x{size} pixels" if size else "color images"
        raise PosterityError(f"{weights} restores {wanted}, the measurements need {shape}")
    return Restorer(network.to(device), family, shape, scale)


def _mat(state: Mapping[str, Tensor], name: str) -> tuple[nn.Module, int | None, int]:
    """Return MAT's generator at the size in its layers' names."""
    try:
        with lean():
            from spandrel_extra_arches.architectures.MAT.__arch.MAT import Generator
    except ImportError:
        raise PosterityError(
            "MAT is loaded by the package spandrel_extra_arches, for research only: pip install spandrel_extra_arches"
        ) from None
    from posterity.priors.loading import fill

    # named as in the published code; an extracted generator may be under "model"
    state = {key.removeprefix("model."): value for key, value in state.items()}
    blocks = (re.match(r"synthesis\.enc\.EncConv_Block_(\d+)x", key) for key in state)
    size = max((int(found[1]) for found in blocks if found), default=0)
    if size < 128 or size & (size - 1):
        raise PosterityError(f"{name} is no generator of MAT: it has no layers for 128x128 pixels or more")
    noisy = any(key.endswith("noise_strength") for key in state)
    network = Generator(512, 0, 512, size, 3, synthesis_kwargs={"use_noise": noisy})
    fill(network, state, name)
    return network, size, 1


def _swinir(state: Mapping[str, Tensor], name: str) -> tuple[nn.Module, int | None, int]:
    """Return SwinIR for super-resolution or, at scale 1, for any restoration at the same size."""
    with lean():
        from spandrel import MAIN_REGISTRY, ImageModelDescriptor, UnsupportedModelError

    bad = next((key for key, value in state.items() if not value.isfinite().all()), None)
    if bad:
        raise PosterityError(f"{name} is damaged: {bad} holds values that are not finite")
    try:
        found = MAIN_REGISTRY.load(dict(state))
    except (UnsupportedModelError, RuntimeError, KeyError) as error:
        raise PosterityError(f"{name} is not a whole network that spandrel knows ({_first(error)})") from error
    if found.architecture.id != "SwinIR" or not isinstance(found, ImageModelDescriptor) or found.input_channels != 3:
        raise PosterityError(f"{name} is a network of {found.architecture.id}, expected SwinIR for color images")
    return found.model.float(), None, found.scale


def _first(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


FAMILIES: dict[str, Callable[[Mapping[str, Tensor], str], tuple[Any, int | None, int]]] = {
    "mat": _mat,
    "swinir": _swinir,
}
"""{family: (state dict, file's name) → (network, pixels a side or None for any, scale)}."""
