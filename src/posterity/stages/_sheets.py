"""Contact sheets of a network's samples and of the training images nearest to them."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from posterity.diffusion.levels import CLEAN
from posterity.diffusion.noise import Noise, generator
from posterity.diffusion.steps import predicted_noise
from posterity.imports import lean
from posterity.operators.masks import Inpainting
from posterity.priors.base import Prior
from posterity.priors.conditional import masks
from posterity.samplers.base import Problem
from posterity.samplers.traineddiff import TrainedDiff
from posterity.signals import Kind

__all__ = ["draw", "grid", "nearest", "restored"]


@torch.no_grad()
def draw(prior: Prior, count: int, steps: int, seed: int) -> Tensor:
    """Return unconditional samples by DDIM with η = 0, (count, *signal)."""
    x = Noise(seed, ["sheet"] * count, range(count), prior.dtype, prior.device).normal("start", 0, prior.state_shape)
    for t, s in pairwise([*prior.schedule.grid(steps, "spaced"), CLEAN]):
        x0 = prior.predict(x, t).x0
        if prior.bounds is not None:
            x0 = x0.clamp(*prior.bounds)
        x = s.signal * x0 + s.noise * predicted_noise(x, x0, t)
    return prior.decode(x).cpu()


def restored(prior: Prior, condition: str, signals: Tensor, steps: int, seed: int) -> Tensor:
    """Return what a conditional network makes of the signals (N, C, T), cut to its length, each behind its own mask."""
    x = signals[..., : prior.signal_shape[-1]].to(prior.device, prior.dtype)
    keep = masks(condition, x.shape, generator(seed, "sheet")).to(x)
    noise = Noise(seed, ["sheet"] * len(x), range(len(x)), prior.dtype, prior.device)
    problem = Problem(prior, Inpainting(keep, prior.signal_shape), keep * x, 0.0, torch.arange(len(x)))
    how: dict[str, Any] = {"steps": steps}
    return TrainedDiff(**how).sample(problem, noise).x.cpu()


def nearest(samples: Tensor, images: Tensor, mirrored: bool) -> Tensor:
    """Return the training image closest to each sample (Euclidean), considering mirror images if training used them.

    For time series that are longer than the samples, return the closest segment.
    """
    if samples.shape[-1] < images.shape[-1]:
        return _stretches(samples.float(), images.float())
    known = torch.cat([images, images.flip(-1)]) if mirrored else images
    return known[torch.cdist(samples.flatten(1).float(), known.flatten(1).float()).argmin(1)]


def _stretches(samples: Tensor, signals: Tensor) -> Tensor:
    """Return the segment of the signals (K, C, T), at any shift, closest to each sample (N, C, t): (N, C, t)."""
    length, time = samples.shape[-1], signals.shape[-1]
    spectra = torch.fft.rfft(signals, n=time)
    sums = torch.nn.functional.pad(signals.double().square().sum(1).cumsum(1), (1, 0))
    energy = sums[:, length:] - sums[:, :-length]
    found = []
    for sample in samples:
        cross = (spectra * torch.fft.rfft(sample, n=time).conj()).sum(1)
        product = torch.fft.irfft(cross, n=time)[:, : time - length + 1]
        at = int((energy - 2 * product).argmin())
        row, start = divmod(at, time - length + 1)
        found.append(signals[row, :, start : start + length])
    return torch.stack(found)


def grid(kind: Kind, pictures: Tensor, columns: int, zoom: int) -> bytes:
    """Return a PNG grid of signals (N, *signal), row by row, enlarged ``zoom`` times, with a margin between them."""
    with lean():
        from torchvision.transforms.functional import to_pil_image
        from torchvision.utils import make_grid

    if kind.name == "image":
        shown = (pictures.clamp(-1, 1) + 1) / 2
    else:
        shown = torch.stack([torch.from_numpy(kind.picture(x).copy()).movedim(2, 0) / 255 for x in pictures])
    shown = shown.repeat_interleave(zoom, 2).repeat_interleave(zoom, 3)
    buffer = io.BytesIO()
    to_pil_image(make_grid(shown.float(), nrow=columns, padding=4, pad_value=0.85)).save(buffer, format="PNG")
    return buffer.getvalue()
