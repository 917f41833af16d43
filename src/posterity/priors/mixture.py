"""A mixture of Gaussians with dense covariances, for signals of small dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from posterity.diffusion.levels import Level
from posterity.diffusion.noise import Noise
from posterity.diffusion.schedule import Schedule
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.priors._rows import alike, inverse_cdf, probe
from posterity.priors.base import ExactPosterior, NoClosedForm, Prediction, Prior

__all__ = ["LARGEST", "Mixture"]

_Mean = Callable[[Tensor], Tensor]
"""Maps responsibilities (B, K) to the posterior mean, (B, d)."""

LARGEST = 4096
"""Largest number of entries of a signal: the covariance takes 128 MiB, its eigenvectors half a minute."""
_RELATIVE = 1e-12
"""Eigenvalues below this fraction of the largest count as 0: the covariance is singular there."""


class _Spectrum(NamedTuple):
    """Covariances Q diag(values) Qᵀ: ``values`` (K', d) ≥ 0 and ``vectors`` (K', d, d), K' = 1 if shared."""

    values: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, matrices: Tensor, scale: Tensor | None = None) -> _Spectrum:
        values, vectors = torch.linalg.eigh((matrices + matrices.mT) / 2)
        largest = values.amax(-1, keepdim=True) if scale is None else scale
        return cls(values.where(values > _RELATIVE * largest, 0.0), vectors)

    def root(self) -> Tensor:
        """Return the symmetric square roots, (K', d, d).

        They are unique. Eigenvectors of equal eigenvalues differ between processors, so the same noise in their
        coordinates would give different draws.
        """
        return (self.vectors * self.values.sqrt()[:, None]) @ self.vectors.mT

    def log_density(self, difference: Tensor) -> Tensor:
        """Return log N(difference; 0, ·) on the range of the covariance, (B, K', n) or (B, K, n) → (B, K)."""
        seen = self.values > 0
        values = self.values.where(seen, 1.0)
        turned = torch.einsum("bkn,knm->bkm", difference, self.vectors.expand(difference.shape[1], -1, -1))
        return -(seen * (turned**2 / values + (2 * math.pi * values).log())).sum(-1) / 2


class Mixture(Prior):
    """p(x) = Σ_k w_k N(x; m_k, Σ_k); singular covariances are allowed.

    Arguments:
        weights: (K,), non-negative, not necessarily normalised.
        means: (K, *signal).
        covariances: (K, d, d), or (d, d) shared by all, or a scalar v for v·I shared by all.
        schedule: noise schedule; linear by default.
    """

    def __init__(
        self, weights: Tensor, means: Tensor, covariances: Tensor | float, schedule: Schedule | None = None
    ) -> None:
        self.schedule = schedule or Schedule.linear()
        self.signal_shape = tuple(means.shape[1:])
        self.dtype = torch.float64
        self.weights = weights.double() / weights.double().sum()
        self.means = means.double().flatten(1)
        d = self.means.shape[1]
        self._isotropic = not isinstance(covariances, Tensor)
        if not isinstance(covariances, Tensor):
            covariances = covariances * torch.eye(d, dtype=torch.float64)
        self.covariances = covariances.double().reshape(-1, d, d)
        if len(self.covariances) not in (1, len(self.means)):
            raise ValueError(f"{len(self.covariances)} covariances for {len(self.means)} means")

    @classmethod
    def of_clusters(cls, known: Tensor, components: int = 8, schedule: Schedule | None = None) -> Mixture:
        """Return Gaussians around the cluster means of signals (K, *signal), with their pooled covariance.

        Raises:
            PosterityError: if there are fewer signals than clusters, or the covariance would not fit into memory.
        """
        from sklearn.cluster import KMeans

        flat = known.double().flatten(1)
        if flat.shape[1] > LARGEST:
            raise PosterityError(
                f"a dense covariance of signals of {flat.shape[1]} entries is too large; at most {LARGEST}"
            )
        if not 1 <= components <= len(flat):
            raise PosterityError(f"components: {components} is not between 1 and the {len(flat)} signals")
        member = torch.from_numpy(KMeans(components, n_init=4, random_state=0).fit_predict(flat.numpy())).long()
        means = torch.stack([flat[member == k].mean(0) for k in range(components)])
        within = flat - means[member]
        weights = torch.bincount(member, minlength=components).double()
        return cls(weights, means.unflatten(1, known.shape[1:]), within.T @ within / len(flat), schedule)

    @cached_property
    def spectrum(self) -> _Spectrum:
        """The eigenvalues (K', d) and eigenvectors (K', d, d) of the covariances, computed once."""
        return _Spectrum.of(self.covariances)

    def _laws(self, x_t: Tensor, a: float) -> tuple[Tensor, _Mean]:
        """Return log w_k p(x_t | k), (B, K), and E[x0 | x_t] as a function of the responsibilities."""
        variances = a * self.spectrum.values + 1 - a
        gain = math.sqrt(a) * self.spectrum.values / variances
        return (self._shared if len(variances) == 1 else self._each)(x_t.flatten(1).to(self.dtype), a, variances, gain)

    def _shared(self, x_t: Tensor, a: float, variances: Tensor, gain: Tensor) -> tuple[Tensor, _Mean]:
        """Compute ``_laws`` with one shared covariance; forms no tensor of size (B, K, d)."""
        turned, centres = self._into(x_t), math.sqrt(a) * self._centres
        quadratic = (turned.square() / variances).sum(1, keepdim=True) + (centres.square() / variances).sum(1)
        quadratic = quadratic - 2 * (turned / variances) @ centres.T
        log_density = -(quadratic + (2 * math.pi * variances).log().sum()) / 2

        def mean(r: Tensor) -> Tensor:
            back = gain * (turned - r @ centres)
            return r @ self.means + (back if self._isotropic else back @ self.spectrum.vectors[0].T)

        return self.weights.log() + log_density, mean

    def _each(self, x_t: Tensor, a: float, variances: Tensor, gain: Tensor) -> tuple[Tensor, _Mean]:
        """Compute ``_laws`` with one covariance per component."""
        z = torch.einsum("bkd,kde->bke", x_t[:, None] - math.sqrt(a) * self.means, self.spectrum.vectors)
        log_density = -(z**2 / variances + (2 * math.pi * variances).log()).sum(-1) / 2

        def mean(r: Tensor) -> Tensor:
            each = self.means + torch.einsum("bke,kde->bkd", gain * z, self.spectrum.vectors)
            return torch.einsum("bk,bkd->bd", r, each)

        return self.weights.log() + log_density, mean

    def _into(self, x: Tensor) -> Tensor:
        """Return the coordinates of x (…, d) in the eigenbasis of the shared covariance, (…, d)."""
        return x if self._isotropic else x @ self.spectrum.vectors[0]

    @cached_property
    def _centres(self) -> Tensor:
        """The means in the eigenbasis of the shared covariance, (K, d)."""
        return self._into(self.means)

    def log_marginal(self, x_t: Tensor, level: Level) -> Tensor:
        """Return log p(x_t) at a level, (B, *signal) → (B,)."""
        return torch.logsumexp(self._laws(x_t, level.alpha_bar)[0], dim=1)

    def predict(self, x_t: Tensor, level: Level) -> Prediction:
        """Return E[x0 | x_t] = Σ_k r_k (m_k + √a Σ_k (aΣ_k + (1-a)I)⁻¹ (x_t - √a m_k)), (B, *signal), with a = ᾱ."""
        logits, mean = self._laws(x_t, level.alpha_bar)
        return Prediction(mean(logits.softmax(1)).unflatten(1, self.signal_shape))

    def posterior(self, operator: Operator, y: Tensor, sigma_y: float) -> ExactPosterior:
        return _MixturePosterior(self, operator.to(self.dtype, y.device), y.double(), sigma_y)


class _Gains(NamedTuple):
    """Quantities shared by rows with the same A."""

    matrix: Tensor
    """The measured rows of A, (m, d)."""
    gain: Tensor
    """Σ Aᵀ (A Σ Aᵀ + σ_y² I)⁺, (K', d, m)."""
    evidence: _Spectrum
    """Spectrum of A Σ Aᵀ + σ_y² I."""
    posterior: _Spectrum
    """Spectrum of Σ - gain A Σ."""


class _MixturePosterior(ExactPosterior):
    """The posterior mixture: means (B, K, d), weights (B, K), and covariances for the rows that share A."""

    def __init__(self, prior: Mixture, operator: Operator, y: Tensor, sigma_y: float) -> None:
        if "linear" not in operator.has:
            raise NoClosedForm(f"{type(operator).__name__} is not linear")
        self._prior = prior
        measured = operator.where_measured(y).flatten(1) > 0
        answers = operator(probe(prior.signal_shape).expand(len(y), *prior.signal_shape)).flatten(1)
        self._rows = alike(torch.cat([answers, measured.to(answers)], dim=1))
        k, d = prior.means.shape
        self._means, self._log_weights = y.new_empty(len(y), k, d), y.new_empty(len(y), k)
        self._gains = []
        for rows in self._rows:
            gains = self._condition(operator.rows(rows[:1]), measured[rows[0]], sigma_y)
            residual = y.flatten(1)[rows][:, None, measured[rows[0]]] - prior.means @ gains.matrix.T
            self._means[rows] = prior.means + torch.einsum("bkm,kdm->bkd", residual, gains.gain.expand(k, -1, -1))
            self._log_weights[rows] = prior.weights.log() + gains.evidence.log_density(residual)
            self._gains.append(gains)

    def _condition(self, operator: Operator, measured: Tensor, sigma_y: float) -> _Gains:
        prior = self._prior
        d = prior.means.shape[1]
        basis = torch.eye(d, dtype=torch.float64).unflatten(1, prior.signal_shape)
        matrix = torch.cat([operator(e[None]).flatten(1) for e in basis]).T[measured]
        cross = prior.covariances @ matrix.T
        noise = sigma_y**2 * torch.eye(len(matrix), dtype=torch.float64)
        # Without noise y may be exact along some directions; the pseudo-inverse drops them.
        evidence = _Spectrum.of(matrix @ cross + noise)
        inverse = torch.where(evidence.values > 0, 1 / evidence.values, 0.0)
        gain = cross @ (evidence.vectors * inverse[:, None]) @ evidence.vectors.mT
        posterior = _Spectrum.of(prior.covariances - gain @ cross.mT, prior.spectrum.values.amax(-1, keepdim=True))
        return _Gains(matrix, gain, evidence, posterior)

    @property
    def mean(self) -> Tensor:
        mean = torch.einsum("bk,bkd->bd", self.mode_probabilities, self._means)
        return mean.unflatten(1, self._prior.signal_shape)

    @property
    def variance(self) -> Tensor:
        weights, d = self.mode_probabilities, self._means.shape[2]
        away = self._means - self.mean.flatten(1)[:, None]
        within = torch.empty_like(weights)
        for rows, gains in zip(self._rows, self._gains, strict=True):
            within[rows] = gains.posterior.values.sum(1)
        return (weights * (within + away.square().sum(2))).sum(1) / d

    @property
    def mode_probabilities(self) -> Tensor:
        return self._log_weights.softmax(1)

    @property
    def log_evidence(self) -> Tensor:
        """Return log p(y) over the measured entries (on its support if the measurement is exact), (B,)."""
        return torch.logsumexp(self._log_weights, dim=1)

    def sample(self, noise: Noise) -> Tensor:
        """Draw a component by inverse CDF, then from its Gaussian; (B, *signal)."""
        mode = inverse_cdf(self.mode_probabilities, noise.uniform("mode"))
        z = noise.normal("exact", 0, self._prior.signal_shape).flatten(1)
        x = self._means[torch.arange(len(mode)), mode]
        for rows, gains in zip(self._rows, self._gains, strict=True):
            roots = gains.posterior.root()
            if len(roots) == 1:
                x[rows] += z[rows] @ roots[0]
                continue
            x[rows] += torch.einsum("bde,be->bd", roots[mode[rows]], z[rows])
        return x.unflatten(1, self._prior.signal_shape)

    def mode_of(self, x: Tensor) -> Tensor:
        logits = self._log_weights.clone()
        for rows, gains in zip(self._rows, self._gains, strict=True):
            logits[rows] += gains.posterior.log_density(x.double().flatten(1)[rows][:, None] - self._means[rows])
        return logits.argmax(1)
