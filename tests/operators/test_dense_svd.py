"""A singular value decomposition that LAPACK's divide and conquer refuses is made in another way."""

import pytest
import torch
from torch import Tensor

from posterity.operators.dense import Dense


def test_what_does_not_converge_is_decomposed_by_qr_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three matrices fails, alone and with the others; no other matrix is decomposed differently."""
    real, matrix = torch.linalg.svd, torch.randn(3, 4, 6, dtype=torch.float64)
    matrix[1, 2:] = 0

    def fails(one: Tensor, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        if any(torch.equal(row, matrix[1]) for row in one):
            raise torch.linalg.LinAlgError("linalg.svd: the algorithm failed to converge")
        u, s, vt = real(one, full_matrices=full_matrices)
        return u, s, vt

    expected = Dense(matrix, (6,))
    values = expected.svd.singulars
    monkeypatch.setattr(torch.linalg, "svd", fails)
    found = Dense(matrix, (6,))
    torch.testing.assert_close(found.svd.singulars, values)
    y = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(found.pinv(y), expected.pinv(y))
    x = torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(found.svd.U(found.svd.singulars * found.svd.Vt(x)), found(x))
    for other in (0, 2):
        assert torch.equal(found.svd.singulars[other], values[other])
