"""Block averages: what they keep, and where they lose."""

from __future__ import annotations

import pytest
import torch

from posterity.errors import PosterityError
from posterity.operators.averaging import AverageSR


@pytest.mark.parametrize("factor", [1, 4, 16])
def test_it_is_average_pooling(factor: int) -> None:
    x = torch.randn(2, 3, 48, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(AverageSR(factor, (3, 48, 32))(x), torch.nn.functional.avg_pool2d(x, factor))


@pytest.mark.parametrize(("factor", "side", "value"), [(4, 64, 1 / 4), (16, 16, 1 / 16)])
def test_published_sizes_and_singular_values(factor: int, side: int, value: float) -> None:
    operator = AverageSR(factor, (3, 256, 256))
    assert operator(torch.zeros(1, 3, 256, 256)).shape == (1, 3, side, side)
    singulars = operator.svd.singulars
    assert set(singulars.unique().tolist()) == {0.0, value}
    assert (singulars > 0).sum() == side**2


def test_a_round_trip_scales_by_the_block() -> None:
    operator = AverageSR(4, (3, 16, 16))
    y = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(operator(operator.adjoint(y)), y / 16)
    torch.testing.assert_close(operator(operator.pinv(y)), y)


def test_a_block_stays_within_itself() -> None:
    """V mixes no pixels of two blocks, so that closed-form priors on blocks stay exact."""
    x = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    x[..., 4:8, 8:12] = torch.randn(4, 4, dtype=torch.float64)
    c = AverageSR(4, (1, 16, 16)).svd.Vt(x)
    c[..., 4:8, 8:12] = 0
    assert (c == 0).all()


def test_a_factor_that_does_not_divide_is_refused() -> None:
    with pytest.raises(PosterityError, match="factor 5 must divide the sides of the image, 16×20"):
        AverageSR(5, (3, 16, 20))
