"""Walsh-Hadamard compressed sensing: the transform and what it measures."""

from __future__ import annotations

import pytest
import scipy.linalg
import torch

from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.hadamard import CompressedSensing, shuffle, walsh_hadamard


@pytest.mark.parametrize("count", [1, 2, 16, 64])
def test_the_transform_is_the_hadamard_matrix(count: int) -> None:
    matrix = torch.from_numpy(scipy.linalg.hadamard(count)).double() / count**0.5
    torch.testing.assert_close(walsh_hadamard(torch.eye(count, dtype=torch.float64)), matrix, rtol=0, atol=1e-12)


def test_measurements_are_orthonormal_and_begin_with_the_mean() -> None:
    order = torch.cat([shuffle((3, 8, 16), generator(row)) for row in range(2)]).long()
    a = CompressedSensing(4, order, (3, 8, 16))
    y = torch.randn(2, 3, 32, dtype=torch.float64)
    torch.testing.assert_close(a(a.adjoint(y)), y, rtol=0, atol=1e-12)
    x = torch.randn(2, 3, 8, 16, dtype=torch.float64)
    torch.testing.assert_close(a(x)[..., 0], x.mean((-1, -2)) * 128**0.5)


def test_an_order_is_a_permutation_that_survives_single_precision() -> None:
    order = shuffle((3, 256, 256), generator(0))
    assert order.dtype == torch.float32
    assert torch.equal(order.long().sort().values, torch.arange(256 * 256)[None])


@pytest.mark.parametrize(("shape", "ratio"), [((3, 12, 16), 4), ((3, 8, 8), 3)])
def test_sizes_that_do_not_fit_are_refused(shape: tuple[int, ...], ratio: int) -> None:
    with pytest.raises(PosterityError, match="must be a power of 2 that ratio"):
        CompressedSensing(ratio, torch.arange(shape[1] * shape[2])[None], shape)
