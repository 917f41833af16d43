r"""Measurements of single samples, some missing: forward filtering, backward sampling in O(n).

Given the variances q of its increments, x is a Gaussian random walk observed in independent noise.
Its precision matrix is tridiagonal. The filter eliminates it from the front in a form that adds only
positive numbers: nothing cancels, and q or the noise may be 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from posterity.priors._levy.increments import Array

__all__ = ["Diagonal"]


class Diagonal:
    """The model y_k = x_k + noise of variance r_k.

    Arguments:
        y: (n, N); any finite value at unmeasured samples.
        noise: r, (n,), ≥ 0, infinite at unmeasured samples.
    """

    def __init__(self, y: Array, noise: Array) -> None:
        self.y, self.noise = y, noise
        self._seen = np.isfinite(noise).tolist()

    def columns(self, index: NDArray[np.intp]) -> Diagonal:
        """Return the model of columns ``index`` ((k,), may repeat)."""
        return type(self)(self.y[:, index], self.noise)

    def _filter(self, q: Array) -> tuple[Array, Array, Array, Array]:
        """Return gain (n, N), variance before each jump (n, N) and after all (N,), and q/(variance + q) (n, N)."""
        gain, before = np.zeros_like(q), np.empty_like(q)
        v = np.zeros(q.shape[1])
        for k, r in enumerate(self.noise):
            before[k] = v
            v = v + q[k]
            if self._seen[k]:
                np.divide(v, v + r, out=gain[k])
                v = gain[k] * r
        total = before + q
        share = np.divide(q, total, out=np.zeros_like(q), where=total > 0)
        return gain, before, v, share

    def _forward(self, gain: Array, y: Array) -> tuple[Array, Array]:
        """Return the filtered mean before each jump, (n, N), and after the last measurement, (N,)."""
        means, a = np.empty_like(y), np.zeros(y.shape[1])
        for k, seen in enumerate(self._seen):
            means[k] = a
            if seen:
                a = a + gain[k] * (y[k] - a)
        return means, a

    def condition(self, q: Array, z: Array) -> tuple[Array, Array]:
        """Return E[x | q, y] and a draw of u given (q, y), using standard normal z, (n, N) each."""
        gain, before, last, share = self._filter(q)
        means, a = self._forward(gain, self.y)
        pushes = np.sqrt(before[1:] * share[1:]) * z[:-1]
        state = np.stack([a, a + np.sqrt(last) * z[-1]])
        mean, u = np.empty_like(q), np.empty_like(q)
        for k in range(len(q) - 1, -1, -1):
            mean[k] = state[0]
            step = share[k] * (state - means[k])
            if k:
                step[1] -= pushes[k - 1]
            u[k] = step[1]
            state -= step
        return mean, u

    def smooth(self, q: Array, y: Array) -> Array:
        """Return E[x | q, y], (n, N), for other measurements y (n, N); it is linear in them."""
        gain, _, _, share = self._filter(q)
        means, state = self._forward(gain, y)
        mean = np.empty_like(q)
        for k in range(len(q) - 1, -1, -1):
            mean[k] = state
            state = state - share[k] * (state - means[k])
        return mean

    def covariance(self, q: Array) -> Array:
        """Return Cov(x | q, y), (n, n, N)."""
        _, before, variance, share = self._filter(q)
        out = np.empty((len(q), *q.shape))
        for k in range(len(q) - 1, -1, -1):
            out[k, k] = variance
            if k + 1 < len(q):
                out[k, k + 1 :] = (1 - share[k + 1]) * out[k + 1, k + 1 :]
                out[k + 1 :, k] = out[k, k + 1 :]
            variance = (1 - share[k]) ** 2 * variance + before[k] * share[k]
        return out

    def flip(self, present: NDArray[np.bool_], w: Array, log_odds: float, uniform: Array) -> tuple[Array, Array]:
        """Resample every jump indicator, front to back, with u integrated out.

        Messages from later samples use the old indicators and are precomputed; the filter up to the jump uses the new
        ones. So a sweep costs as much as one filter. Returns indicators and probabilities, (n, N) each.
        """
        precision, pull = self._backward(present * w)
        chosen, probability = np.empty_like(w), np.empty_like(w)
        a = v = np.zeros(w.shape[1])
        for k, r in enumerate(self.noise):
            spread = 1 + precision[k] * v
            tau, beta = precision[k] / spread, (pull[k] - precision[k] * a) / spread
            growth = 1 + w[k] * tau
            probability[k] = expit(log_odds + (w[k] * beta**2 / growth - np.log(growth)) / 2)
            chosen[k] = uniform[k] < probability[k]
            v = v + chosen[k] * w[k]
            if self._seen[k]:
                gain = v / (v + r)
                a, v = a + gain * (self.y[k] - a), gain * r
        return chosen, probability

    def _backward(self, q: Array) -> tuple[Array, Array]:
        """Return (precision, pull) of p(y_k, … | x_k) ∝ exp(-precision x²/2 + pull x), (n, N) each."""
        precision, pull = np.empty_like(q), np.empty_like(q)
        j = h = np.zeros(q.shape[1])
        for k in range(len(q) - 1, -1, -1):
            c = 1 / self.noise[k]
            precision[k], pull[k] = j + c, h + c * self.y[k]
            spread = 1 + precision[k] * q[k]
            j, h = precision[k] / spread, pull[k] / spread
        return precision, pull
