"""The stationary Gaussian prior: a periodic covariance, which is diagonal over spatial frequencies."""

from __future__ import annotations

import math
from functools import cached_property, partial

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.operators.base import Operator
from posterity.priors._rows import probe
from posterity.priors._solved import SolvedPosterior
from posterity.priors.base import ExactPosterior, NoClosedForm, Prediction, Prior

__all__ = ["StationaryGaussian"]

_RELATIVE = 1e-12
"""Eigenvalues below this fraction of the largest count as 0."""
_FLAT = 1e-10
"""Lower bound of eigenvalues in an approximate inverse, as a fraction of the largest."""
_AT_ONCE = 2048
"""Signals whose spectra are computed together; of all windows of long records they would fill the memory."""


def _forward(x: Tensor) -> Tensor:
    """Return the orthonormal FFT, (B, C, H, W) or (B, C, T) → (B, H, W//2+1, C); H = 1 for signals in time."""
    plane = x.unsqueeze(2) if x.ndim == 3 else x
    return torch.fft.rfft2(plane, norm="ortho").permute(0, 2, 3, 1)


def _backward(f: Tensor, size: tuple[int, ...]) -> Tensor:
    plane = size if len(size) == 2 else (1, *size)
    x = torch.fft.irfft2(f.permute(0, 3, 1, 2), s=plane, norm="ortho")
    return x if len(size) == 2 else x.squeeze(2)


def _apply(matrices: Tensor, f: Tensor) -> Tensor:
    """Apply one matrix (n, C) per frequency to f (B, H, W//2+1, C)."""
    return torch.einsum("hwnc,bhwc->bhwn", matrices, f)


def _eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(matrices)
    return values.where(values > _RELATIVE * values.max(), 0.0), vectors


def _count(width: int) -> Tensor:
    """Return the multiplicity of each entry of the half spectrum, (W//2+1,)."""
    count = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64)
    count[[0, width // 2] if width % 2 == 0 else [0]] = 1.0
    return count


class StationaryGaussian(Prior):
    """N(mean, Σ) with Σ = F* S F: F is the orthonormal FFT, S one Hermitian C×C matrix per frequency.

    Arguments:
        mean: (C,), constant over space or time.
        spectrum: power in squared units of x, (C, C, H, W//2+1) complex or real with cross-channel
            terms, or (C, H, W//2+1) for independent channels.
        size: (H, W), or (T,) for signals (C, T), whose spectrum has H = 1; the half spectrum doesn't determine W.
        schedule: noise schedule; linear by default.
    """

    def __init__(self, mean: Tensor, spectrum: Tensor, size: tuple[int, ...], schedule: Schedule | None = None) -> None:
        channels, (height, width) = len(mean), size if len(size) == 2 else (1, *size)
        if spectrum.ndim == 3:
            spectrum = torch.diag_embed(spectrum.movedim(0, -1)).permute(2, 3, 0, 1)
        if spectrum.shape != (channels, channels, height, width // 2 + 1):
            raise ValueError(f"spectrum {tuple(spectrum.shape)} does not fit {channels} channels of {height}×{width}")
        self.schedule = schedule or Schedule.linear()
        self.signal_shape = (channels, *size)
        self.dtype = torch.float64
        self.mean = mean.double().view(-1, *[1] * len(size)).expand(self.signal_shape)
        self.spectrum = self._hermitian(spectrum.to(torch.complex128).permute(2, 3, 0, 1), width)

    @staticmethod
    def _hermitian(power: Tensor, width: int) -> Tensor:
        """Make S Hermitian in the channels, with S(-u) = conj S(u) where the half spectrum holds both."""
        power = (power + power.mH) / 2
        mirrored = power.flip(0).roll(1, 0).conj()
        twice = [0, width // 2] if width % 2 == 0 else [0]
        power[:, twice] = (power[:, twice] + mirrored[:, twice]) / 2
        return power

    @classmethod
    def estimate(cls, images: Tensor, size: int | None = None, schedule: Schedule | None = None) -> StationaryGaussian:
        """Estimate it by maximum likelihood from (K, C, H, W) or (K, C, T); images are averaged to ``size``² if given.

        The spectrum is the mean periodogram without a window function. A window would hide the jump at the border,
        which a periodic model lacks, but change the variance of a pixel and smear the lowest frequencies, where most
        of the power is. Without one, the variance is exact (Parseval).
        """
        if size is not None and tuple(images.shape[2:]) != (size, size):
            images = torch.nn.functional.interpolate(images.double(), size=(size, size), mode="area")
        mean = images.mean(dim=(0, *range(2, images.ndim)), dtype=torch.float64)
        spectrum = torch.zeros((), dtype=torch.complex128)
        for part in images.split(_AT_ONCE):
            f = _forward(part.double() - mean.view(-1, *[1] * (images.ndim - 2)))
            spectrum = spectrum + torch.einsum("bhwc,bhwd->cdhw", f, f.conj())
        return cls(mean, spectrum / len(images), tuple(images.shape[2:]), schedule)

    @cached_property
    def eigen(self) -> tuple[Tensor, Tensor]:
        """The eigenvalues (H, W//2+1, C) and eigenvectors (H, W//2+1, C, C) of S, computed once."""
        return _eigh(self.spectrum)

    def filter(self, x: Tensor, response: Tensor) -> Tensor:
        """Filter signals (B, *signal) with real weights (H, W//2+1, C) in the eigenbasis of Σ."""
        vectors = self.eigen[1]
        turned = response * _apply(vectors.mH, _forward(x))
        return _backward(_apply(vectors, turned), self.signal_shape[1:])

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return E[x0 | x_t] = m + √a Σ (aΣ + (1-a)I)⁻¹ (x_t - √a m), (B, *signal), with a = ᾱ."""
        a = level.alpha_bar
        values = self.eigen[0]
        gain = math.sqrt(a) * values / (a * values + 1 - a)
        return Prediction(self.mean + self.filter(x_t - math.sqrt(a) * self.mean, gain))

    def expected(self, x_t: Tensor, alpha_bar: Tensor) -> Tensor:
        """Return E[x0 | x_t] of rows (B, *signal) at levels ᾱ (B,), in float64."""
        a, values = alpha_bar.view(-1, 1, 1, 1), self.eigen[0]
        signal = alpha_bar.sqrt().view(-1, *[1] * len(self.signal_shape))
        gain = a.sqrt() * values / (a * values + 1 - a)
        return self.mean + self.filter(x_t - signal * self.mean, gain)

    def error(self, alpha_bar: Tensor) -> Tensor:
        """Return the RMS error of E[x0 | x_t] at levels ᾱ, (B,) → (B,)."""
        a, values = alpha_bar.view(-1, 1, 1, 1), self.eigen[0]
        left = (values * (1 - a) / (a * values + 1 - a)).sum(-1) * _count(self.signal_shape[-1]).to(values.device)
        return (left.sum(dim=(1, 2)) / math.prod(self.signal_shape)).sqrt()

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:
        """Return the posterior given y (B, *measurement).

        In closed form if A acts on each pixel alike; otherwise by conjugate gradients and without evidence.

        Raises:
            NoClosedForm: if A is not linear.
        """
        operator, y = operator.to(self.dtype, y.device), y.double()
        if not {"linear", "adjoint"} <= operator.has:
            raise NoClosedForm(f"{type(operator).__name__} is not linear, so that a Gaussian has no closed form")
        found = _channel_matrix(operator, y)
        if found is not None:
            matrix, seen = found
            return _StationaryPosterior(self, matrix[seen], y[:, seen], sigma_y)
        values = self.eigen[0]
        inverse = 1 / (values + sigma_y**2).clamp(min=_FLAT * float(values.max()))
        covariance, root, approximate = (partial(self.filter, response=r) for r in (values, values.sqrt(), inverse))
        return SolvedPosterior(self.mean, covariance, root, approximate, operator, y, sigma_y)


def _channel_matrix(operator: Operator, y: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return (M, measured) if A multiplies the channels at every position by M (n, C); None otherwise.

    ``measured`` (n,) is false for channels of y without measurement, such as the leads hidden by a task.
    """
    channels, place = operator.signal_shape[0], operator.signal_shape[1:]
    shape = (len(y), *operator.signal_shape)
    if y.shape[2:] != place:
        return None
    units = torch.eye(channels).double().view(channels, channels, *[1] * len(place))
    matrix = torch.stack([operator(unit.expand(shape))[0].flatten(1)[:, 0] for unit in units], dim=1)
    x = probe(operator.signal_shape).expand(shape)
    if not torch.allclose(operator(x), torch.einsum("nc,bc...->bn...", matrix, x), rtol=0, atol=1e-9):
        return None
    where = operator.where_measured(y) > 0
    measured = where[0].flatten(1)[:, 0]
    if not bool((where == measured.view(1, -1, *[1] * len(place))).all()):
        return None
    return matrix, measured


class _StationaryPosterior(ExactPosterior):
    """A Gaussian with one gain (C, n) and one covariance (C, C) per frequency."""

    def __init__(self, prior: StationaryGaussian, matrix: Tensor, y: Tensor, sigma_y: float) -> None:
        self._prior, self._y = prior, y
        self._matrix = matrix.to(torch.complex128)
        cross = prior.spectrum @ self._matrix.mT
        noise = sigma_y**2 * torch.eye(len(matrix), dtype=torch.complex128)
        self._values, self._vectors = _eigh(self._matrix @ cross + noise)
        inverse = torch.where(self._values > 0, 1 / self._values, 0.0)
        gain = cross @ (self._vectors * inverse[..., None, :]) @ self._vectors.mH
        covariance = prior.spectrum - gain @ cross.mH
        values, vectors = torch.linalg.eigh((covariance + covariance.mH) / 2)
        values = values.where(values > _RELATIVE * prior.eigen[0].max(), 0.0)
        self._spread = values
        self._root = (vectors * values.sqrt()[..., None, :]) @ vectors.mH
        self._residual = _forward(y - torch.einsum("nc,c...->n...", matrix, prior.mean))
        self._size = prior.signal_shape[1:]
        self._mean = prior.mean + _backward(_apply(gain, self._residual), self._size)

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def variance(self) -> Tensor:
        mean = (self._spread.sum(-1) * _count(self._size[-1])).sum() / math.prod(self._prior.signal_shape)
        return mean.expand(len(self._y))

    @property
    def mode_probabilities(self) -> Tensor:
        return self._y.new_ones(len(self._y), 1)

    @property
    def log_evidence(self) -> Tensor:
        """Return log p(y) on the support of y, (B,), counting frequencies by multiplicity."""
        turned = _apply(self._vectors.mH, self._residual).abs() ** 2
        seen = self._values > 0
        values = self._values.where(seen, 1.0)
        terms = (seen * (turned / values + (2 * math.pi * values).log())).sum(-1)
        return -(terms * _count(self._size[-1])).sum(dim=(1, 2)) / 2

    def sample(self, noise: Noise) -> Tensor:
        """Return the mean plus white noise times the Hermitian root of the covariance, (B, *signal)."""
        white = noise.normal("exact", 0, self._prior.signal_shape)
        return self._mean + _backward(_apply(self._root, _forward(white)), self._size)

    def mode_of(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=torch.long)
