"""Exact posteriors of mixtures under one linear operator, implemented independently of the priors.

A prior's own posterior could share a mistake with its denoiser, so certificates compute theirs
separately; the sampler "exact" is then checked like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from posterity.certificates.axes import root, spectrum
from posterity.diffusion.noise import generator

__all__ = ["Components", "Conditional", "Exact"]

_NOTHING = 1e-10
"""Share of the largest variance below which a variance counts as 0: the measurement determines that direction."""


@runtime_checkable
class Exact(Protocol):
    """The minimal interface of the posteriors of R measurements: draws and first moments.

    Draws of a long Markov chain are enough. Statistics that need densities or weights require a
    ``Conditional``, and report that they do not apply to other posteriors.
    """

    def __len__(self) -> int:
        """Return R."""

    def draw(self, count: int, *key: object) -> Tensor:
        """Return independent draws, (R, count, d), a function of ``key``."""

    @property
    def mean(self) -> Tensor:
        """Return E[x | y_r], (R, d)."""

    @property
    def total_variance(self) -> Tensor:
        """Return tr Cov(x | y_r), (R,)."""


@dataclass(frozen=True)
class Components:
    """Σ_k w_k N(m_k, C_k): weights (K,), means (K, d), covariances (K, d, d) or (1, d, d) for all."""

    weights: Tensor
    means: Tensor
    covariances: Tensor

    @property
    def shared(self) -> bool:
        """True if all components have one covariance."""
        return len(self.covariances) == 1

    def squares(self, x: Tensor) -> Tensor:
        """Return squared Mahalanobis distances to each component, (N, d) → (N, K); covariances must be invertible."""
        roots = torch.linalg.cholesky(self.covariances)
        if self.shared:
            flat = [torch.linalg.solve_triangular(roots[0], points.T, upper=False).T for points in (x, self.means)]
            return _distances(flat[0], flat[1]).square()
        each = zip(self.means, roots, strict=True)
        return torch.stack(
            [torch.linalg.solve_triangular(root, (x - m).T, upper=False).square().sum(0) for m, root in each], dim=1
        )

    def draw(self, count: int, *key: object) -> Tensor:
        """Return independent draws, (count, d), a function of ``key``."""
        rng = generator("components", *key)
        which = torch.from_numpy(rng.choice(len(self.weights), count, p=self.weights.numpy()))
        z = torch.from_numpy(rng.standard_normal((count, self.means.shape[1])))
        out = self.means[which]
        for shape, coloured in enumerate(self._roots):
            chosen = torch.ones_like(which, dtype=torch.bool) if self.shared else which == shape
            out[chosen] += z[chosen] @ coloured
        return out

    @cached_property
    def _roots(self) -> Tensor:
        return root(*spectrum(self.covariances))


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Return distances, (…, N, n), (…, K, n) → (…, N, K); centring on the mean of y keeps ten digits in float64."""
    middle = y.mean(-2, keepdim=True)
    return torch.cdist(x - middle, y - middle)


class Conditional:
    """p(x | y_r) of R measurements y_r = A x + σ_y n: one mixture each, all with the same covariances.

    Arguments:
        prior: prior of the signal.
        matrix: A, (m, d), measured entries only.
        y: (R, m).
        sigma_y: noise level, ≥ 0.
    """

    def __init__(self, prior: Components, matrix: Tensor, y: Tensor, sigma_y: float) -> None:
        self.prior = prior
        noise = sigma_y**2 * torch.eye(len(matrix), dtype=torch.float64)
        cross = prior.covariances @ matrix.T
        evidence = matrix @ cross + noise
        gain = torch.linalg.solve(evidence, cross.mT).mT
        residual = y[:, None] - prior.means @ matrix.T
        self.means = prior.means + torch.einsum("rkm,kdm->rkd", residual, gain.expand(len(prior.means), -1, -1))
        scaled = torch.linalg.solve(evidence.expand(len(prior.means), -1, -1), residual.movedim(0, 2)).movedim(2, 0)
        exponent = (residual * scaled).sum(2) + torch.linalg.slogdet(evidence)[1]
        self.log_weights = (prior.weights.log() - exponent / 2).log_softmax(1)
        left = prior.covariances - gain @ cross.mT
        values, self.vectors = spectrum((left + left.mT) / 2)
        scale = spectrum(prior.covariances)[0].amax(1, keepdim=True)
        self.values = values.where(values > _NOTHING * scale, 0.0)

    def __len__(self) -> int:
        return len(self.means)

    @property
    def weights(self) -> Tensor:
        """Return the probability of each component, (R, K)."""
        return self.log_weights.exp()

    @property
    def rank(self) -> int:
        """Return the number of directions that the measurement leaves open, the same for every component."""
        return int((self.values[0] > 0).sum())

    @cached_property
    def mean(self) -> Tensor:
        """Return E[x | y_r], (R, d)."""
        return torch.einsum("rk,rkd->rd", self.weights, self.means)

    @cached_property
    def total_variance(self) -> Tensor:
        """Return tr Cov(x | y_r), (R,)."""
        within = self.values.sum(1).expand(self.means.shape[1])
        return (self.weights * (within + (self.means - self.mean[:, None]).square().sum(2))).sum(1)

    @cached_property
    def covariances(self) -> Tensor:
        """Return Cov(x | y_r), between and within modes, (R, d, d)."""
        within = (self.vectors * self.values[:, None]) @ self.vectors.mT
        mean = torch.einsum("rk,kde->rde", self.weights, within.expand(self.means.shape[1], -1, -1))
        off = self.means - self.mean[:, None]
        return mean + torch.einsum("rk,rkd,rke->rde", self.weights, off, off)

    def noised(self, alpha_bar: float) -> Conditional:
        """Return the law of x_t = √ᾱ x + √(1 - ᾱ) z given y_r, a mixture with the same weights."""
        out = Conditional.__new__(Conditional)
        out.prior, out.log_weights, out.vectors = self.prior, self.log_weights, self.vectors
        out.means = math.sqrt(alpha_bar) * self.means
        out.values = alpha_bar * self.values + 1 - alpha_bar
        return out

    def variances(self, directions: Tensor) -> Tensor:
        """Return Var(x·v | y_r) along the columns of ``directions``, (d, n) → (R, n)."""
        within = torch.einsum("kd,kdn->kn", self.values, (self.vectors.mT @ directions).square())
        between = ((self.means - self.mean[:, None]) @ directions).square()
        return torch.einsum("rk,rkn->rn", self.weights, within + between)

    @property
    def shared(self) -> bool:
        """True if all components have one covariance."""
        return len(self.values) == 1

    def _turned(self, x: Tensor, shape: int) -> Tensor:
        """Return open coordinates of x in standard deviations, (…, d) → (…, rank)."""
        seen = self.values[shape] > 0
        return (x @ self.vectors[shape][:, seen]) / self.values[shape][seen].sqrt()

    def squares(self, x: Tensor) -> Tensor:
        """Return squared Mahalanobis distances over the open directions, (R, S, d) → (R, S, K)."""
        if self.shared:
            return _distances(self._turned(x, 0), self._turned(self.means, 0)).square()
        each = [self._turned(x - self.means[:, None, k], k).square().sum(2) for k in range(self.means.shape[1])]
        return torch.stack(each, dim=2)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log w_k N(x; m_k, C_k) over the open directions, (R, S, d) → (R, S, K)."""
        sizes = self.values.where(self.values > 0, 1.0).log().sum(1) + self.rank * math.log(2 * math.pi)
        return self.log_weights[:, None] - (self.squares(x) + sizes) / 2

    def log_density(self, x: Tensor) -> Tensor:
        """Return log p(x | y_r) over the open directions, (R, S, d) → (R, S)."""
        return self.log_joint(x).logsumexp(2)

    def responsibilities(self, x: Tensor) -> Tensor:
        """Return the responsibilities of the components, (R, S, d) → (R, S, K)."""
        return self.log_joint(x).softmax(2)

    def standardised(self, x: Tensor, *key: object) -> Tensor:
        """Return x whitened by a component *drawn* by its responsibilities, (R, S, d) → (R, S, rank).

        The result is standard normal if x is exact.

        With one component this whitens the posterior; with several it measures the spread within modes,
        whatever their weights; drawing the component, unlike taking the most probable one, keeps the law
        exactly normal where modes overlap.
        """
        uniform = torch.from_numpy(generator("assign", *key).random(x.shape[:2]))
        cdf = self.responsibilities(x).cumsum(2)
        which = (cdf < uniform[..., None] * cdf[..., -1:]).sum(2).clamp(max=cdf.shape[2] - 1)
        off = x - self.means.gather(1, which[..., None].expand(-1, -1, x.shape[2]))
        if self.shared:
            return self._turned(off, 0)
        out = x.new_empty(*x.shape[:2], self.rank)
        for k in which.unique().tolist():
            out[which == k] = self._turned(off[which == k], k)
        return out

    def draw(self, count: int, *key: object) -> Tensor:
        """Return independent draws, (R, count, d)."""
        rng = generator("conditional", *key)
        uniform = torch.from_numpy(rng.random((len(self), count)))
        cdf = self.weights.cumsum(1)
        which = torch.searchsorted(cdf, uniform * cdf[:, -1:], right=True).clamp(max=cdf.shape[1] - 1)
        z = torch.from_numpy(rng.standard_normal((len(self), count, self.means.shape[2])))
        centre = self.means.gather(1, which[..., None].expand(-1, -1, self.means.shape[2]))
        out = torch.empty_like(centre)
        for shape, coloured in enumerate(self._roots):
            chosen = torch.ones_like(which, dtype=torch.bool) if self.shared else which == shape
            out[chosen] = centre[chosen] + z[chosen] @ coloured
        return out

    @cached_property
    def _roots(self) -> Tensor:
        return root(self.values, self.vectors)
