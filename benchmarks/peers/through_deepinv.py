# mypy: disable-error-code="import-untyped"
"""Runs deepinv's samplers on one of our inpainting problems: DPS, PGDM, DDRM and DiffPIR.

deepinv's denoisers take x_0 + σ z, that is x_t/√ᾱ_t at σ = √((1-ᾱ_t)/ᾱ_t), and by convention images
in [0, 1]. Its reverse-time solvers take times of a continuous schedule; those with our ᾱ are chosen.
Noise comes from torch's global generator, the start first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from deepinv import sampling
from deepinv.models.base import Denoiser
from deepinv.optim.data_fidelity import L2
from deepinv.physics import GaussianNoise, Inpainting
from torch import Tensor

from posterity.priors.base import Prior
from posterity.samplers.base import Problem

__all__ = ["ddrm", "diffpir", "dps", "pgdm"]

_BETA = 0.1, 20.0
"""End points of the continuous linear schedule, deepinv's defaults."""


class _Denoiser(Denoiser):
    """Adapts our prior to deepinv's denoiser interface, at the time with the nearest noise level.

    With ``unit_range`` it takes and returns images in [0, 1].
    """

    def __init__(self, prior: Prior, *, unit_range: bool = False) -> None:
        super().__init__()
        self.prior, self.unit_range = prior, unit_range
        self._levels = np.array([prior.schedule.level(t).sigma for t in range(len(prior.schedule))])

    def forward(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        level = float(sigma.flatten()[0]) if isinstance(sigma, Tensor) else float(sigma)
        noisy = 2 * x - 1 if self.unit_range else x
        t = int(np.abs(self._levels - (2 * level if self.unit_range else level)).argmin())
        x_t = math.sqrt(self.prior.schedule.alpha_bar(t)) * noisy.to(self.prior.dtype)
        x0 = self.prior.predict(x_t, self.prior.schedule.level(t)).x0.to(x.dtype)
        return (x0 + 1) / 2 if self.unit_range else x0


def _times(prior: Prior, walk: Sequence[int]) -> Tensor:
    """Return the times of deepinv's variance-preserving schedule with the ᾱ of ``walk``, float64; 0 for -1."""
    low, high = _BETA
    integrals = [-math.log(prior.schedule.alpha_bar(t)) for t in walk]
    slope = high - low
    return torch.tensor([(math.sqrt(low**2 + 2 * slope * b) - low) / slope for b in integrals], dtype=torch.float64)


def _physics(problem: Problem, sigma_y: float) -> Inpainting:
    """Return the problem's mask (1, 1, H, W) as deepinv's physics, with Gaussian noise of level ``sigma_y``."""
    keep = problem.operator.parameters()["keep"].expand(1, *problem.shape).clone()
    return Inpainting(problem.shape, mask=keep, noise_model=GaussianNoise(sigma_y)).to(problem.prior.dtype)


def _posterior(problem: Problem, fidelity: sampling.NoisyDataFidelity, walk: Sequence[int], eta: float) -> Tensor:
    """Run ``PosteriorDiffusion`` with ancestral steps along ``walk``, in the range [-1, 1]."""
    solver = sampling.AncestralSolver(_times(problem.prior, walk), eta=eta)
    sde, denoiser = sampling.VariancePreservingDiffusion(alpha=1.0), _Denoiser(problem.prior)
    method = sampling.PosteriorDiffusion(fidelity, denoiser, sde, solver, minus_one_one=False)
    start = torch.randn(len(problem), *problem.shape, dtype=problem.prior.dtype)
    return method(problem.y, _physics(problem, problem.sigma_y), x_init=start)


def dps(problem: Problem, walk: Sequence[int], weight: float = 1.0) -> Tensor:
    """Run the parts of ``DPS``: ``PosteriorDiffusion`` with ``DPSDataFidelity`` and DDPM steps."""
    return _posterior(problem, sampling.DPSDataFidelity(clip=(-1.0, 1.0), weight=weight), walk, 1.0)


def pgdm(problem: Problem, walk: Sequence[int], eta: float = 1.0) -> Tensor:
    """Run ``PosteriorDiffusion`` with ``PiGDMDataFidelity``; ``eta`` is defined like ours."""
    return _posterior(problem, sampling.PiGDMDataFidelity(), walk, eta)


def ddrm(problem: Problem, walk: Sequence[int]) -> Tensor:
    """Run ``DDRM`` at the noise levels of ``walk``, which ends at -1, where deepinv makes no step."""
    levels = [problem.prior.schedule.level(t).sigma for t in walk[:-1]]
    return sampling.DDRM(_Denoiser(problem.prior), sigmas=levels)(problem.y, _physics(problem, problem.sigma_y))


def diffpir(problem: Problem, levels: int, lambda_: float = 7.0, zeta: float = 0.1) -> Tensor:
    """Run ``DiffPIR`` on its own grid, in its range [0, 1], started from A⁺y like ours."""
    y, physics = problem.operator((problem.y + 1) / 2), _physics(problem, problem.sigma_y / 2)
    # sigma = 0: otherwise the start's noise is smaller by four times its square.
    settings = {"sigma": 0.0, "max_iter": levels, "zeta": zeta, "lambda_": lambda_}
    method = sampling.DiffPIR(_Denoiser(problem.prior, unit_range=True), L2(), **settings)
    return 2 * method(y, physics, x_init=(problem.operator.pinv(problem.y) + 1) / 2) - 1
