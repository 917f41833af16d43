# mypy: disable-error-code="import-untyped"
"""Runs azula's samplers on one of our problems: DPS, PGDM, DiffPIR and RePaint.

azula's samplers go from time 1 to time 0 in equal steps and ask a schedule for the scales
α = √ᾱ and σ = √(1-ᾱ). Here the k-th of those times is mapped to the k-th time of our walk. Noise
comes from torch's global generator, the start first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from azula.denoise import Denoiser, DiracPosterior
from azula.guidance.diffpir import DiffPIRDenoiser
from azula.guidance.dps import DPSSampler
from azula.guidance.pgdm import PGDMSampler
from azula.guidance.repaint import RePaintSampler
from azula.noise import Schedule
from azula.sample import DDIMSampler
from torch import Tensor

from posterity.priors.base import Prior
from posterity.samplers.base import Problem

__all__ = ["diffpir", "dps", "pgdm", "repaint"]


class _Walk(Schedule):
    """Scales at the times of ``walk``, descending; the last may be -1, clean."""

    def __init__(self, prior: Prior, walk: Sequence[int]) -> None:
        self.walk = list(walk)
        alpha_bars = torch.tensor([prior.schedule.alpha_bar(t) for t in walk], dtype=torch.float64)
        self.alphas, self.sigmas = alpha_bars.sqrt().to(prior.dtype), (1 - alpha_bars).sqrt().to(prior.dtype)

    def position(self, t: Tensor) -> int:
        """Return the position in the walk of azula's ``t``."""
        return round((1 - float(t)) * (len(self.walk) - 1))

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        k = self.position(t)
        return self.alphas[k], self.sigmas[k]


class _Denoiser(Denoiser):
    """Adapts our prior to azula's denoiser interface."""

    def __init__(self, prior: Prior, walk: Sequence[int]) -> None:
        super().__init__()
        self.prior, self.schedule = prior, _Walk(prior, walk)
        self.arguments = {"steps": len(walk) - 1, "silent": True, "dtype": torch.float64}

    def forward(self, x_t: Tensor, t: Tensor) -> DiracPosterior:
        level = self.prior.schedule.level(self.schedule.walk[self.schedule.position(t)])
        return DiracPosterior(mean=self.prior.predict(x_t, level).x0)


def _noise(problem: Problem) -> Tensor:
    return torch.randn(len(problem), *problem.shape, dtype=problem.prior.dtype)


def dps(problem: Problem, walk: Sequence[int], zeta: float = 1.0) -> Tensor:
    """``DPSSampler``."""
    denoiser = _Denoiser(problem.prior, walk)
    return DPSSampler(denoiser, problem.y, problem.operator, zeta=zeta, **denoiser.arguments)(_noise(problem))


def pgdm(problem: Problem, walk: Sequence[int], eta: float = 1.0) -> Tensor:
    """Run ``PGDMSampler``; ``eta`` is ours, a fraction of the standard deviation, while azula's is of the variance."""
    denoiser, operator = _Denoiser(problem.prior, walk), problem.operator
    sampler = PGDMSampler(denoiser, problem.y, operator, operator.pinv, eta=eta**2, **denoiser.arguments)
    return sampler(_noise(problem))


def diffpir(problem: Problem, walk: Sequence[int], lmbda: float = 1.0) -> Tensor:
    """Run ``DiffPIRDenoiser`` with deterministic DDIM steps, started like our DiffPIR."""
    denoiser = _Denoiser(problem.prior, walk)
    a_t = problem.schedule.alpha_bar(walk[0])
    x_t = math.sqrt(a_t) * problem.operator.pinv(problem.y) + math.sqrt(1 - a_t) * _noise(problem)
    fitted = DiffPIRDenoiser(denoiser, problem.y, problem.operator, problem.sigma_y**2, lmbda=lmbda)
    return DDIMSampler(fitted, eta=0.0, **denoiser.arguments)(x_t)


def repaint(problem: Problem, walk: Sequence[int], iterations: int = 3) -> Tensor:
    """Run ``RePaintSampler`` with DDPM steps."""
    denoiser, known = _Denoiser(problem.prior, walk), problem.operator.where_measured(problem.y) > 0
    sampler = RePaintSampler(denoiser, problem.y, known, iterations, eta=1.0, **denoiser.arguments)
    return sampler(_noise(problem))
