"""The inverse problems of the statistical benchmark of diffusion posterior samplers (arXiv 2509.12821)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.priors._levy.increments import Array, Increments

__all__ = ["LinearProblem", "problems"]

_SIGNALS = 1000
_DECIBEL = 25


class LinearProblem(NamedTuple):
    """A linear problem: A (m, n) and σ_y."""

    matrix: Tensor
    sigma_y: float


def problems(increments: Increments, size: int = 64, seed: int = 0) -> dict[str, LinearProblem]:
    """Return denoising, deconvolution, imputation and partial Fourier sampling at 25 dB, by name.

    * ``denoise``: identity.
    * ``deconvolve``: circular Gaussian blur of 13 taps, σ = 2.
    * ``impute``: a fixed mask that keeps 33 of 64 samples, as a matrix of its kept rows.
    * ``fourier``: the five lowest frequencies, the highest and 13 of the others; real and imaginary
            parts without those that are always 0, hence 36 orthonormal rows, as in the benchmark.

    Other sizes keep the same proportions. σ_y² is the median, over 1000 draws of the prior, of the
    mean-square noiseless measurement, divided by 10^2.5; with a heavy-tailed prior it describes only a
    typical signal. ``seed`` determines mask, frequencies and signals.
    """
    rng = generator("levy problems", seed, size)
    signals = increments.draw(rng, (_SIGNALS, size)).cumsum(1)
    matrices = {
        "denoise": np.eye(size),
        "deconvolve": _blur(size),
        "impute": np.eye(size)[np.sort(rng.permutation(size)[: size * 33 // 64])],
        "fourier": _fourier(size, rng),
    }
    out = {}
    for name, matrix in matrices.items():
        power = float(np.median(((signals @ matrix.T) ** 2).mean(1)))
        out[name] = LinearProblem(torch.from_numpy(matrix), math.sqrt(power / 10 ** (_DECIBEL / 10)))
    return out


def _blur(size: int) -> Array:
    taps = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 2.0**2))
    kernel = np.zeros(size)
    np.add.at(kernel, np.arange(-6, 7) % size, taps / taps.sum())
    return np.stack([np.roll(kernel, k) for k in range(size)])


def _fourier(size: int, rng: np.random.Generator) -> Array:
    count = size // 2 + 1
    low = min(5, count - 1)
    others = rng.permutation(np.arange(low, count - 1))[: 13 * size // 64]
    rows = np.fft.rfft(np.eye(size), axis=0, norm="ortho")[np.sort([*range(low), *others, count - 1])]
    both = np.concatenate([rows.real, rows.imag])
    both = both[np.abs(both).max(1) > 1e-9]
    return both / np.linalg.norm(both, axis=1, keepdims=True)
