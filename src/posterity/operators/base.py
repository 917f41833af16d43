"""The operator A in y = A(x) + σ_y n, batched over rows that may belong to different items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["SVD", "Operator"]


class SVD(ABC):
    """A = U Σ Vᵀ, with every spectral tensor laid out as a signal, (B, *signal).

    ``singulars`` broadcasts against (B, *signal) and is 0 in the null space of A; ``Ut`` places each
    measured coefficient at the index of its singular value, and 0 elsewhere.
    """

    @property
    @abstractmethod
    def singulars(self) -> Tensor:
        """Singular values, broadcastable to (B, *signal), ≥ 0."""

    @abstractmethod
    def Vt(self, x: Tensor, /) -> Tensor:
        """(B, *signal) → spectral (B, *signal)."""

    @abstractmethod
    def V(self, c: Tensor, /) -> Tensor:
        """Spectral (B, *signal) → (B, *signal)."""

    @abstractmethod
    def Ut(self, y: Tensor, /) -> Tensor:
        """(B, *measurement) → spectral (B, *signal), 0 where ``singulars`` is 0."""

    @abstractmethod
    def U(self, c: Tensor, /) -> Tensor:
        """Spectral (B, *signal) → (B, *measurement); ignores directions with ``singulars`` 0."""


class Operator(ABC):
    """A degradation with its parameters: one set per row, or one shared by all rows.

    Linear operators have ``adjoint``, and ``pinv`` and ``svd`` where known. ``has`` lists the
    capabilities, out of {"linear", "adjoint", "pinv", "svd", "mask"}.
    """

    has: frozenset[str] = frozenset()
    signal_shape: tuple[int, ...]

    @abstractmethod
    def forward(self, x: Tensor, /) -> Tensor:
        """Return A(x): (B, *signal) in [-1, 1] → (B, *measurement)."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return A(x): (B, *signal) → (B, *measurement)."""
        return self.forward(x)

    def __str__(self) -> str:
        """Return the name used in errors."""
        return type(self).__name__

    def adjoint(self, y: Tensor, /) -> Tensor:
        """Apply the exact transpose Aᵀ, (B, *measurement) → (B, *signal)."""
        raise NotImplementedError(f"{type(self).__name__} has no adjoint")

    def pinv(self, y: Tensor, /) -> Tensor:
        """Apply the Moore-Penrose pseudo-inverse A⁺, (B, *measurement) → (B, *signal)."""
        raise NotImplementedError(f"{type(self).__name__} has no pseudo-inverse")

    @property
    def svd(self) -> SVD:
        """The singular value decomposition of A."""
        raise NotImplementedError(f"{type(self).__name__} has no SVD")

    def display(self, y: Tensor) -> Tensor:
        """Return y as a picture of the signal's shape, (B, *measurement) → (B, *signal)."""
        return y

    def where_measured(self, y: Tensor) -> Tensor:
        """Return 1 at measured entries of y and 0 at masked ones (which A sets to 0), the shape of y."""
        return torch.ones_like(y)

    @property
    def unknowns(self) -> Tensor:
        """S of the guidance threshold: the number of unknown scalars of a signal, shape () or (B,).

        Masked-out scalars for inpainting, all scalars for operators without a mask.
        """
        return torch.tensor(float(torch.Size(self.signal_shape).numel()))

    @abstractmethod
    def rows(self, index: Tensor) -> Operator:
        """Return the operator of rows ``index`` (long (n,), may repeat); shared parameters stay shared."""

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Operator:  # noqa: ARG002
        """Return the same operator with its tensors in ``dtype`` on ``device``."""
        return self

    def parameters(self) -> Mapping[str, Tensor]:
        """Return the per-row parameters stored with the measurement, each (B, …); often none."""
        return {}
