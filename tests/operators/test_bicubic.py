"""The bicubic matrix is the published one: interior, borders, constants, singular values."""

from __future__ import annotations

import pytest
import torch

from posterity.errors import PosterityError
from posterity.operators.superresolution import BicubicSR, bicubic_matrix


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 7, 8])
def test_interior_is_torch_antialiased_bicubic(factor: int) -> None:
    size = 16 * factor
    x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = BicubicSR(factor, (3, size, size))(x)
    theirs = torch.nn.functional.interpolate(x, scale_factor=1 / factor, mode="bicubic", antialias=True)
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("size", "factor"), [(16, 16), (16, 8), (64, 4), (64, 16), (63, 3), (25, 5), (9, 9)])
def test_constants_are_kept(size: int, factor: int) -> None:
    x = torch.full((1, 3, size, size), 0.3, dtype=torch.float64)
    low = BicubicSR(factor, (3, size, size))(x)
    torch.testing.assert_close(low, torch.full_like(low, 0.3), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1, 5, 16])
def test_factor_1_is_the_identity(size: int) -> None:
    assert torch.equal(bicubic_matrix(size, 1), torch.eye(size, dtype=torch.float64))


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 9, 16])
def test_a_row_is_centred_on_its_block(factor: int) -> None:
    """A linear ramp keeps its values away from the borders: there row i says (i + 1/2) r - 1/2."""
    size = 9 * factor
    found = bicubic_matrix(size, factor) @ torch.arange(size, dtype=torch.float64)
    centres = (torch.arange(9, dtype=torch.float64) + 0.5) * factor - 0.5
    torch.testing.assert_close(found[2:-2], centres[2:-2], rtol=0, atol=1e-11)


@pytest.mark.parametrize("factor", [3, 4])
def test_a_mirrored_image_is_reduced_to_the_mirror_image(factor: int) -> None:
    matrix = bicubic_matrix(12 * factor, factor)
    torch.testing.assert_close(matrix.flip(0, 1), matrix, rtol=0, atol=1e-15)


def test_borders_reflect_about_the_edge() -> None:
    """At the edge the image continues as its mirror image, edge pixel repeated."""
    row = torch.arange(16, dtype=torch.float64)
    wide = torch.cat([row.flip(0), row, row.flip(0)])
    inner = bicubic_matrix(48, 4) @ wide
    torch.testing.assert_close(bicubic_matrix(16, 4) @ row, inner[4:8], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("factor", "low", "high"), [(4, 0.3485, 0.5000), (8, 0.2471, 0.3536), (16, 0.1762, 0.2500)])
def test_singular_values_at_256_are_the_published_ones(factor: int, low: float, high: float) -> None:
    values = torch.linalg.svdvals(bicubic_matrix(256, factor))
    assert values.min().item() == pytest.approx(low, abs=5e-5)
    assert values.max().item() == pytest.approx(high, abs=5e-5)


def test_a_factor_that_does_not_divide_is_refused() -> None:
    with pytest.raises(PosterityError, match="factor 5 must divide the sides of a square image, not 16×16"):
        BicubicSR(5, (3, 16, 16))


def test_an_oblong_image_is_refused() -> None:
    with pytest.raises(PosterityError, match="not 16×32"):
        BicubicSR(4, (3, 16, 32))
