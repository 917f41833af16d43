r"""The posterior of a Gaussian prior under any linear operator, by solving with S = A Σ Aᵀ + σ_y² I.

The mean is m + Σ Aᵀ S⁻¹ (y - A m). A draw is x' + Σ Aᵀ S⁻¹ (y - A x' - σ_y n) for a prior draw x' and white noise n
(perturb and MAP, Papandreou and Yuille 2010). Σ only needs to be cheap to apply.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from posterity.diffusion.noise import Noise
from posterity.errors import PosterityError
from posterity.operators.base import Operator
from posterity.priors.base import ExactPosterior, NoClosedForm

__all__ = ["SolvedPosterior", "conjugate_gradients"]

Map = Callable[[Tensor], Tensor]
_TOLERANCE = 1e-10
_STEPS = 20_000
_SINGULAR = 1e-14
"""Directions whose eigenvalue of S is below this fraction of the largest count as outside its range."""


class SolvedPosterior(ExactPosterior):
    """N(m, Σ) given y = A x + σ_y n, up to the tolerance of the solver (1e-10 of the residual).

    Arguments:
        mean: m, (*signal).
        covariance: x ↦ Σ x, (B, *signal).
        root: x ↦ R x with R Rᵀ = Σ, (B, *signal).
        approximate: x ↦ approximately (Σ + σ_y² I)⁻¹ x, a preconditioner under masks.
        operator: A, linear, in float64.
        y: measurements, (B, *measurement).
        sigma_y: noise level.
    """

    def __init__(
        self, mean: Tensor, covariance: Map, root: Map, approximate: Map, operator: Operator, y: Tensor, sigma_y: float
    ) -> None:
        self._prior_mean, self._covariance, self._root, self._approximate = mean, covariance, root, approximate
        self._operator, self._y, self._sigma_y = operator, y, sigma_y
        self._measured = operator.where_measured(y)

    @cached_property
    def mean(self) -> Tensor:  # type: ignore[override]
        return self._corrected(self._prior_mean.expand(len(self._y), *self._prior_mean.shape), 0.0)

    def sample(self, noise: Noise) -> Tensor:
        x = self._prior_mean + self._root(noise.normal("exact", 0, self._prior_mean.shape))
        n = noise.normal("exact noise", 0, self._y.shape[1:]) if self._sigma_y > 0 else 0.0
        return self._corrected(x, n)

    def _corrected(self, x: Tensor, n: Tensor | float) -> Tensor:
        """Return x + Σ Aᵀ S⁻¹ (y - A x - σ_y n), (B, *signal)."""
        misfit = self._measured * (self._y - self._operator(x) - self._sigma_y * n)
        return x + self._covariance(self._operator.adjoint(self._solve(misfit)))

    def _solve(self, misfit: Tensor) -> Tensor:
        def apply(v: Tensor) -> Tensor:
            return self._operator(self._covariance(self._operator.adjoint(v))) + self._sigma_y**2 * v

        def near(v: Tensor) -> Tensor:
            masked = "mask" in self._operator.has
            return self._operator(self._approximate(self._operator.adjoint(v))) if masked else v

        return conjugate_gradients(apply, misfit, near)

    @property
    def mode_probabilities(self) -> Tensor:
        return self._y.new_ones(len(self._y), 1)

    @property
    def log_evidence(self) -> Tensor:
        raise NoClosedForm("the determinant of a covariance that is only applied is not known")

    def mode_of(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=torch.long)


def conjugate_gradients(apply: Map, b: Tensor, near: Map) -> Tensor:
    """Solve S x = b row by row, (B, …); a row stops once its residual is small, independently of the others.

    Arguments:
        apply: v ↦ S v, symmetric and positive semidefinite.
        b: right-hand sides, (B, …), in the range of S.
        near: preconditioner v ↦ approximately S⁻¹ v, symmetric and positive definite.
    """

    def product(u: Tensor, v: Tensor) -> Tensor:
        return (u * v).flatten(1).sum(1).view(-1, *[1] * (b.ndim - 1))

    x, residual = torch.zeros_like(b), b
    direction = z = near(residual)
    size, goal = product(residual, z), _TOLERANCE**2 * product(b, b)
    largest = torch.zeros_like(size)
    for _ in range(_STEPS):
        open_ = ~(product(residual, residual) <= goal)
        if not open_.any():
            return x
        image = apply(direction)
        curvature = product(direction, image)
        stretch = curvature / torch.where(open_, size, 1.0)
        largest = torch.maximum(largest, stretch)
        open_ = open_ & (stretch > _SINGULAR * largest)
        if not open_.any():
            break
        step = torch.where(open_, size / torch.where(open_, curvature, 1.0), 0.0)
        x, residual = x + step * direction, residual - step * image
        z = near(residual)
        before, size = size, product(residual, z)
        direction = z + torch.where(open_, size / torch.where(open_, before, 1.0), 0.0) * direction
    left = float((product(residual, residual) / product(b, b).clamp(min=torch.finfo(b.dtype).tiny)).max()) ** 0.5
    raise PosterityError(
        f"this Gaussian posterior cannot be solved: {left:.1g} of the misfit is left; a noise level sigma_y above 0 "
        "makes it well-posed"
    )
