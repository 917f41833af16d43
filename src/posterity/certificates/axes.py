"""Eigenvectors and roots of covariances that are the same on every processor.

Eigenvectors are unique only up to sign, and those of equal eigenvalues only up to rotation. Which ones the linear
algebra library returns depends on the processor, and so would every number computed along an axis.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from posterity.diffusion.noise import generator

__all__ = ["root", "spectrum"]

_EQUAL = 1e-9
"""Share of the largest eigenvalue within which neighbouring eigenvalues count as equal."""


def spectrum(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (…, d), ascending, and eigenvectors (…, d, d) of symmetric matrices (…, d, d).

    Diagonal matrices, often large, cost nothing.
    """
    diagonal = matrices.diagonal(dim1=-2, dim2=-1)
    if not torch.equal(torch.diag_embed(diagonal), matrices):
        return _steady(*torch.linalg.eigh(matrices))
    values, order = diagonal.sort(dim=-1, stable=True)
    eye = torch.eye(matrices.shape[-1], dtype=matrices.dtype)
    return values, eye[order].mT


def root(values: Tensor, vectors: Tensor) -> Tensor:
    """Return the unique symmetric root of V diag(values) Vᵀ, (…, d, d); values rounded below 0 count as 0."""
    return (vectors * values.clamp(min=0).sqrt()[..., None, :]) @ vectors.mT


def _steady(values: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate eigenvectors of equal eigenvalues towards fixed directions, and fix the sign of each."""
    d = values.shape[-1]
    fixed = torch.from_numpy(generator("axes", d).standard_normal((d, d))).to(vectors)
    out = vectors.contiguous() * torch.where((vectors * fixed).sum(-2, keepdim=True) < 0, -1.0, 1.0)
    for found, each in zip(values.reshape(-1, d), out.reshape(-1, d, d), strict=True):
        for alike in _groups(found):
            # orthonormalise the projections of the fixed directions onto the span of these eigenvectors
            turn, upper = torch.linalg.qr(each[:, alike].mT @ fixed[:, alike])
            each[:, alike] = each[:, alike] @ (turn * torch.where(upper.diagonal() < 0, -1.0, 1.0))
    return values, out


def _groups(values: Tensor) -> list[slice]:
    """Return the runs of more than one equal value in ascending values (d,)."""
    apart = (values.diff() > _EQUAL * values.abs().max()).nonzero()[:, 0] + 1
    ends = [0, *apart.tolist(), len(values)]
    return [slice(first, last) for first, last in pairwise(ends) if last - first > 1]
