"""Measurements by any matrix: Gaussian conditioning in O(n³), scaled so that nothing is singular."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from posterity.priors._levy.increments import Array

__all__ = ["Dense"]


class Dense:
    """The model y = A x + noise of variance σ_y² > 0.

    Arguments:
        matrix: A, (m, n).
        y: (m, N).
        sigma_y: noise level.
    """

    def __init__(self, matrix: Array, y: Array, sigma_y: float) -> None:
        self.matrix, self.y, self.sigma_y = matrix, y, sigma_y
        self._h = matrix[:, ::-1].cumsum(1)[:, ::-1] / sigma_y  # A D⁻¹, as x is the running sum of u
        self._gram = torch.from_numpy(self._h.T @ self._h)
        self._pull = torch.from_numpy(np.einsum("mn,mN->Nn", self._h, y / sigma_y))

    def columns(self, index: NDArray[np.intp]) -> Dense:
        """Return the model of columns ``index`` ((k,), may repeat)."""
        return type(self)(self.matrix, self.y[:, index], self.sigma_y)

    def _factor(self, q: Array) -> tuple[Tensor, Tensor]:
        """Return √q (N, n) and the Cholesky factor of I + √q HᵀH √q, the precision of u/√q, (N, n, n)."""
        root = torch.from_numpy(np.sqrt(q.T))
        scaled = root[:, :, None] * self._gram * root[:, None, :]
        scaled.diagonal(dim1=1, dim2=2).add_(1.0)
        return root, torch.linalg.cholesky(scaled)

    def condition(self, q: Array, z: Array) -> tuple[Array, Array]:
        """Return E[x | q, y] and a draw of u given (q, y), using standard normal z, (n, N) each."""
        root, factor = self._factor(q)
        half = torch.linalg.solve_triangular(factor, (root * self._pull)[..., None], upper=False)
        both = torch.cat([half, half + torch.from_numpy(np.ascontiguousarray(z.T))[..., None]], dim=2)
        mean, u = (root[..., None] * torch.linalg.solve_triangular(factor.mT, both, upper=True)).unbind(2)
        return mean.numpy().T.cumsum(0), np.ascontiguousarray(u.numpy().T)

    def covariance(self, q: Array) -> Array:
        """Return Cov(x | q, y), (n, n, N)."""
        root, factor = self._factor(q)
        u = root[:, :, None] * torch.cholesky_inverse(factor) * root[:, None, :]
        return np.moveaxis(u.cumsum(1).cumsum(2).numpy(), 0, 2)

    def flip(self, present: NDArray[np.bool_], w: Array, log_odds: float, uniform: Array) -> tuple[Array, Array]:
        """Resample every jump indicator with u integrated out, in one order for all chains.

        ``gram`` = HᵀB⁻¹H and ``pull`` = HᵀB⁻¹y, with B the covariance of y, suffice for each decision; a
        decision that flips an indicator updates them by rank one. Returns indicators and probabilities, (n, N) each.
        """
        gram, pull = self._marginal(present * w)
        chosen, probability = present.astype(float), np.empty_like(w)
        for k in range(len(w)):
            tau, beta, was = gram[:, k, k], pull[:, k], present[k]
            without = np.where(was, 1 - w[k] * tau, 1.0)
            tau, beta = tau / without, beta / without
            growth = 1 + w[k] * tau
            probability[k] = expit(log_odds + (w[k] * beta**2 / growth - np.log(growth)) / 2)
            now = uniform[k] < probability[k]
            chosen[k] = now
            changed = np.flatnonzero(now != was)
            g, b = gram[changed, :, k], pull[changed, k]
            signed = np.where(now, w[k], -w[k])[changed]
            factor = signed / (1 + signed * g[:, k])
            gram[changed] -= (factor[:, None] * g)[:, :, None] * g[:, None, :]
            pull[changed] -= (factor * b)[:, None] * g
        return chosen, probability

    def _marginal(self, q: Array) -> tuple[Array, Array]:
        """Return HᵀB⁻¹H (N, n, n) and HᵀB⁻¹y (N, n) in units of the noise, where B = I + H diag(q) Hᵀ."""
        h = torch.from_numpy(self._h)
        scaled = h * torch.from_numpy(np.sqrt(q.T))[:, None, :]
        b = scaled @ scaled.mT
        b.diagonal(dim1=1, dim2=2).add_(1.0)
        factor = torch.linalg.cholesky(b)
        y = torch.from_numpy(np.ascontiguousarray(self.y.T) / self.sigma_y)[..., None]
        both = torch.cat([h.expand(len(b), -1, -1), y], dim=2)
        white = torch.linalg.solve_triangular(factor, both, upper=False)
        product = white.mT @ white
        return product[:, :-1, :-1].contiguous().numpy(), product[:, :-1, -1].contiguous().numpy()
