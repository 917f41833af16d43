"""Loads ECG priors: the shipped stationary Gaussian of generated ECGs at any length, or a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posterity import json_reader
from posterity.errors import PosterityError
from posterity.front import priors
from posterity.front.home import home
from posterity.priors import loading
from posterity.priors.base import Prior
from posterity.priors.stationary import StationaryGaussian
from posterity.priors.windows import Windows
from posterity.signals.ecg import LEADS

__all__ = ["NAME", "NOISE", "Fit", "evidence", "gaussian", "network", "shipped"]

NAME = "ecg-gaussian"
NOISE = 0.05
"""Noise level in mV of the measured leads, as in the published likelihood."""


@dataclass(frozen=True)
class Fit:
    """Mean and covariances of records.

    Arguments:
        mean: of each lead in mV, (C,).
        covariance: E[x_c(t + τ) x_d(t)] in mV², (C, C, lags), τ ≥ 0; it tapers at long lags, where pairs become few.
        rate: samples per second.
    """

    mean: Tensor
    covariance: Tensor
    rate: float

    @classmethod
    def of(cls, records: Tensor, rate: float) -> Fit:
        """Fit records (K, C, T) in mV; sums over pairs are divided by T, so that the spectrum is never negative."""
        time = records.shape[2]
        mean = records.double().mean(dim=(0, 2))
        f = torch.fft.rfft(records.double() - mean[:, None], n=2 * time)
        power = torch.einsum("kcw,kdw->cdw", f, f.conj()) / len(records)
        return cls(mean, torch.fft.irfft(power, n=2 * time)[..., :time] / time, rate)

    def spectrum(self, length: int) -> Tensor:
        """Return the power of a signal of ``length`` samples, (C, C, 1, length // 2 + 1) complex."""
        lags = self.covariance.shape[-1]
        around = torch.zeros(*self.covariance.shape[:2], length, dtype=torch.float64)
        at = torch.arange(lags)
        around.index_add_(2, at % length, self.covariance)
        around.index_add_(2, (-at[1:]) % length, self.covariance[..., 1:].transpose(0, 1))
        return torch.fft.rfft(around)[:, :, None]

    def prior(self, length: int) -> StationaryGaussian:
        """Return the prior of signals (C, length), which are periodic."""
        made = StationaryGaussian(self.mean, self.spectrum(length), (length,))
        made.name, made.bounds = NAME, None
        return made


def gaussian(fit: Fit, card: Mapping[str, Any], length: int) -> Prior:
    """Return the shipped Gaussian of signals (8, length)."""
    made = fit.prior(length)
    made.about = card["about"]
    return made


def network(name: str, length: int) -> Prior:
    """Return an ECG network, given by name or file, as a prior of signals (8, length).

    Raises:
        PosterityError: if it does not exist, or is for other or longer signals.
    """
    found = priors.prior(name)
    if len(found.signal_shape) != 2 or found.signal_shape[0] != len(LEADS):
        shape = "×".join(map(str, found.signal_shape))
        raise PosterityError(
            f"prior {name!r} is for signals of shape {shape}, not a network of ECGs with {len(LEADS)} leads"
        )
    return Windows(found, length)


def evidence(fit: Fit, records: Tensor) -> Tensor:
    """Return each lead's marginal log p per sample under noise ``NOISE``, for records (K, C, T): (K, C)."""
    time = records.shape[2]
    variance = fit.spectrum(time)[:, :, 0].diagonal().real.T + NOISE**2
    f = torch.fft.rfft(records.double() - fit.mean[:, None], norm="ortho")
    twice = torch.full((f.shape[-1],), 2.0, dtype=torch.float64)
    twice[[0, -1] if time % 2 == 0 else [0]] = 1.0
    terms = f.abs().square() / variance + (2 * torch.pi * variance).log()
    return -(twice * terms).sum(-1) / (2 * time)


def shipped() -> tuple[Fit, Mapping[str, Any]]:
    """Return the fit shipped with posterity, and its card.

    Raises:
        PosterityError: if it is missing, or does not match its card.
    """
    folder = home().folder / "resources" / "priors" / NAME
    try:
        card = json_reader.read(folder / "card.json")
        content = (folder / "weights.safetensors").read_bytes()
    except (json_reader.Unreadable, OSError) as error:
        raise PosterityError(
            f"{folder} does not hold the prior of ECGs; get the complete repository ({error})"
        ) from error
    if hashlib.sha256(content).hexdigest() != card["weights"]["sha256"] or tuple(card["leads"]) != LEADS:
        raise PosterityError(f"{folder}: the weights do not match their card.json; get the complete repository")
    state = loading.read(folder / "weights.safetensors")
    return Fit(state["mean"].double(), state["covariance"].double(), float(card["rate"])), card
