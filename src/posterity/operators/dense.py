"""A matrix as an operator: y = A x on the flattened signal, with A shared by all rows or one per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from posterity.errors import PosterityError
from posterity.operators._batch import take
from posterity.operators._settings import whole
from posterity.operators.base import SVD, Operator

__all__ = ["Dense", "normal_matrix"]

_MOST = 2**26
"""Entries of the largest SVD factor: 512 MiB in double precision."""
_RELATIVE = 1e-12
"""Singular values below this fraction of the largest are 0, unless the matrix is less precise than that."""


def normal_matrix(measured: int, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Draw independent N(0, 1) entries, (1, measured, d) in float32."""
    d, measured = torch.Size(shape).numel(), whole("measured", measured)
    if max(measured, d) * d > _MOST:
        raise PosterityError(f"a matrix of {measured} rows for {d} unknowns does not fit into memory with its SVD")
    return torch.from_numpy(rng.standard_normal((1, measured, d)).astype(np.float32))


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    """Multiply each row's matrix (B or 1, n, k) with its vector (B, k), giving (B, n)."""
    return x @ matrix[0].T if len(matrix) == 1 else torch.einsum("bnk,bk->bn", matrix, x)


@dataclass(frozen=True)
class _DenseSVD(SVD):
    """The coefficient of the i-th largest singular value is the i-th entry of the flattened signal."""

    left: Tensor
    """The first r = min(m, d) columns of U, (B', m, r)."""
    values: Tensor
    """(B', d), 0 beyond the rank."""
    right: Tensor
    """Vᵀ, (B', d, d)."""
    shape: tuple[int, ...]

    @property
    def singulars(self) -> Tensor:
        return self.values.unflatten(1, self.shape)

    def Vt(self, x: Tensor) -> Tensor:
        return _times(self.right, x.flatten(1)).unflatten(1, self.shape)

    def V(self, c: Tensor) -> Tensor:
        return _times(self.right.mT, c.flatten(1)).unflatten(1, self.shape)

    def Ut(self, y: Tensor) -> Tensor:
        rest = self.values.shape[1] - self.left.shape[2]
        c = torch.nn.functional.pad(_times(self.left.mT, y), (0, rest))
        return ((self.values > 0) * c).unflatten(1, self.shape)

    def U(self, c: Tensor) -> Tensor:
        seen = (self.values > 0) * c.flatten(1)
        return _times(self.left, seen[:, : self.left.shape[2]])


def _svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return U, s and Vᵀ of matrices (B, m, d).

    LAPACK's divide and conquer fails for some matrices with many equal singular values, such as a mask behind an
    orthonormal decoder; QR iteration, which is slower, decomposes those.
    """
    try:
        u, s, vt = torch.linalg.svd(matrix, full_matrices=True)
    except torch.linalg.LinAlgError:
        if len(matrix) > 1:
            u, s, vt = (torch.cat(parts) for parts in zip(*(_svd(one[None]) for one in matrix), strict=True))
            return u, s, vt
        from scipy.linalg import svd

        parts = svd(matrix[0].cpu().numpy(), lapack_driver="gesvd")
        u, s, vt = (torch.from_numpy(part)[None].to(matrix) for part in parts)
    return u, s, vt


@dataclass(frozen=True, eq=False)
class Dense(Operator):
    """y = A x; y is (B, m).

    Arguments:
        matrix: (B, m, d), or (1, m, d) shared by all rows.
        signal_shape: shape of one signal, d entries.
        factors: U, singular values and Vᵀ, if already computed.
    """

    matrix: Tensor
    signal_shape: tuple[int, ...]
    factors: tuple[Tensor, Tensor, Tensor] | None = None
    has = frozenset({"linear", "adjoint", "pinv", "svd"})

    def __post_init__(self) -> None:
        d = torch.Size(self.signal_shape).numel()
        if self.matrix.ndim != 3 or self.matrix.shape[2] != d:
            raise PosterityError(f"a matrix for {d} unknowns is (rows, m, {d}), not {tuple(self.matrix.shape)}")

    @cached_property
    def _factors(self) -> tuple[Tensor, Tensor, Tensor]:
        """U, s and Vᵀ, computed in double precision whatever the operator's own."""
        if self.factors is not None:
            return self.factors
        matrix = self.matrix.double()
        u, s, vt = _svd(matrix)
        relative = max(_RELATIVE, torch.finfo(self.matrix.dtype).eps * max(matrix.shape[1:]))
        s = s.where(s > relative * s[:, :1], 0.0)
        s = torch.nn.functional.pad(s, (0, matrix.shape[2] - s.shape[1]))
        return tuple(f.to(self.matrix.dtype) for f in (u[..., : min(matrix.shape[1:])], s, vt))  # type: ignore[return-value]

    @property
    def svd(self) -> SVD:
        return _DenseSVD(*self._factors, self.signal_shape)

    def forward(self, x: Tensor) -> Tensor:
        return _times(self.matrix, x.flatten(1))

    def adjoint(self, y: Tensor) -> Tensor:
        return _times(self.matrix.mT, y).unflatten(1, self.signal_shape)

    def pinv(self, y: Tensor) -> Tensor:
        svd = self.svd
        inverse = 1 / svd.singulars.where(svd.singulars > 0, torch.inf)
        return svd.V(inverse * svd.Ut(y))

    display = adjoint

    def rows(self, index: Tensor) -> Dense:
        if len(self.matrix) == 1:
            return self
        # Rows are usually samples of one measurement, and Vᵀ has d² entries: keep one for all of them.
        index = index[:1] if bool((index == index[0]).all()) else index
        factors = tuple(take(f, index) for f in self._factors)
        return Dense(take(self.matrix, index), self.signal_shape, factors)  # type: ignore[arg-type]

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Dense:
        factors = tuple(f.to(device, dtype) for f in self._factors)
        return Dense(self.matrix.to(device, dtype), self.signal_shape, factors)  # type: ignore[arg-type]

    def parameters(self) -> Mapping[str, Tensor]:
        return {"matrix": self.matrix}
