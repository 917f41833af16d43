"""Masks hide what their sources say, at 256 pixels and, scaled, at other sizes."""

from __future__ import annotations

import math

import pytest
import torch

from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators import mask_shapes as shapes
from posterity.operators.masks import Inpainting


def missing(keep: torch.Tensor) -> float:
    return 1 - keep.mean().item()


def hidden_box(keep: torch.Tensor) -> tuple[int, int, int, int]:
    """(first row, last row, first column, last column) of what is hidden, which must be a full box."""
    where = (keep[0] == 0).nonzero()
    (top, left), (bottom, right) = where.amin(0).tolist(), where.amax(0).tolist()
    assert len(where) == (bottom - top + 1) * (right - left + 1)
    return top, bottom, left, right


def test_the_centre_box_is_150_by_150() -> None:
    keep = shapes.box(256, 256, *shapes.CENTRE)
    assert hidden_box(keep) == (50, 199, 50, 199)
    assert keep.sum() == 43036


@pytest.mark.parametrize(
    ("side", "box"),
    [
        ("right", (0, 255, 128, 255)),
        ("left", (0, 255, 0, 127)),
        ("top", (0, 127, 0, 255)),
        ("bottom", (128, 255, 0, 255)),
    ],
)
def test_halves(side: str, box: tuple[int, ...]) -> None:
    assert hidden_box(shapes.half(256, 256, side)) == box


def test_expand_keeps_the_centre_window() -> None:
    assert hidden_box(1 - shapes.expand(256, 256)) == (89, 166, 89, 166)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("share", [(0.7, 0.8), (0.4, 0.8)])
def test_random_pixels_hide_the_share_that_was_drawn(size: int, share: tuple[float, float]) -> None:
    shares = [missing(shapes.pixels(size, size, share, generator(seed))) for seed in range(40)]
    assert share[0] - 1 / size**2 <= min(shares)
    assert max(shares) <= share[1]
    assert max(shares) - min(shares) > 0.6 * (share[1] - share[0])


@pytest.mark.parametrize("size", [64, 256])
def test_rotated_windows_hide_at_least_half_and_are_rotated(size: int) -> None:
    masks = [shapes.window(size, size, (0.5, 0.8), generator(seed)) for seed in range(20)]
    assert all(0.5 <= missing(keep) <= 0.8 for keep in masks)
    corners = torch.stack([keep[0, [0, 0, -1, -1], [0, -1, 0, -1]] for keep in masks])
    assert corners.mean() > 0.5
    rows_differ = [len({tuple(row.tolist()) for row in keep[0]}) > size / 8 for keep in masks]
    assert sum(rows_differ) > 15


@pytest.mark.parametrize("size", [64, 256])
def test_strokes_are_small_and_thick(size: int) -> None:
    for seed in range(10):
        keep = shapes.strokes(size, size, (0.05, 0.2), generator(seed))
        assert 0.05 <= missing(keep) <= 0.2
        # The narrowest stroke is 10 of 256 pixels wide, so an opening by half of that keeps nearly all.
        radius = max(1, size // 64)
        pool = torch.nn.functional.max_pool2d
        eroded = 1 - pool(keep[None], 2 * radius + 1, 1, radius)
        opened = pool(eroded, 2 * radius + 1, 1, radius)
        assert (opened * (1 - keep)).sum() > 0.8 * (1 - keep).sum()


def test_a_random_box_keeps_its_margin_and_moves() -> None:
    boxes = {hidden_box(shapes.random_box(256, 256, (0.5, 1 / 16), generator(seed))) for seed in range(200)}
    assert all(b - t == 127 and r - c == 127 for t, b, c, r in boxes)
    assert min(t for t, *_ in boxes) >= 16
    assert max(b for _, b, _, _ in boxes) <= 239
    assert len(boxes) > 150


def test_a_random_box_that_does_not_fit_is_refused() -> None:
    with pytest.raises(PosterityError, match=r"side 0.9 and margin 0.1 do not fit"):
        shapes.random_box(64, 64, (0.9, 0.1), generator(0))


def test_face_parts_at_256() -> None:
    found = {name: hidden_box(shapes.box(256, 256, *borders)) for name, borders in shapes.FACE_PARTS.items()}
    assert found == {
        "eyes_large": (88, 151, 40, 215),
        "eyes_small": (100, 139, 60, 195),
        "mouth_large": (156, 247, 64, 191),
        "mouth_small": (172, 219, 84, 171),
    }


def test_an_object_is_hidden_with_the_box_around_it() -> None:
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[10, 20] = inside[30, 40] = inside[25, 5] = True
    assert hidden_box(shapes.object_box(inside)) == (10, 30, 5, 40)


@pytest.mark.parametrize("rows", [0, 1, 60])
def test_an_object_too_small_or_too_large_is_refused(rows: int) -> None:
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[:rows] = True
    with pytest.raises(PosterityError, match="2 % to 60 % can be inpainted"):
        shapes.object_box(inside)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("box", [0.75, 0.25, 0.25, 0.75], r"box \[0.75, 0.25, 0.25, 0.75\] is empty"),
        ("box", [0.25, 0.75, 0.75, 0.25], "is empty; its borders are top, left, bottom, right"),
        ("box", [0.5, 0.5, 0.5, 0.75], "is empty"),
        ("box", [0.5, 0.5, 0.51, 0.51], "hides no pixel of 8×8"),
        ("box", [0, 0, 1, 1], "hides every pixel of 8×8"),
        ("box", [0.01, 0, 0.99, 1], "hides every pixel of 8×8"),
        ("box", [0, 0, math.nan, 1], "border of a box is nan"),
        ("half", "middle", "half is 'middle', expected one of left, right, top, bottom"),
        ("expand", 0, "expand 0 hides every pixel"),
        ("expand", 1, "expand 1 hides no pixel"),
        ("random_box", [1, 0], "hides every pixel"),
        ("random_box", [0, 0], "hides no pixel"),
        ("random_box", [0.5], "expected its side and its margin"),
        ("pixels", [0.8, 0.7], r"pixels is \[0.8, 0.7\], expected the smaller number first"),
        ("pixels", [0, 0], "hides no pixel"),
        ("pixels", [1, 1], "hides every pixel"),
        ("pixels", [0.5, 1.5], "pixels is 1.5, expected a number of at least 0 and at most 1"),
        ("window", [0.8, 0.5], "expected the smaller number first"),
        ("window", [1, 1], "no mask in 1000 draws"),
        ("strokes", [0.2, 0.05], "expected the smaller number first"),
        ("strokes", [0, 0], "no mask in 1000 draws"),
        ("rotated_half", False, "rotated_half is False, expected true"),
        ("free_form", [0.8, 0.4], "expected the smaller number first"),
        ("free_form", [0, 0], "no mask in 1000 draws"),
    ],
)
def test_a_mask_hides_a_part(name: str, value: object, said: str) -> None:
    with pytest.raises(PosterityError, match=said):
        shapes.SHAPES[name](8, 8, value, generator(0))


def test_a_rotated_half_hides_at_least_half_whatever_the_angle() -> None:
    masks = [shapes.rotated_half(256, 256, True, generator("half", seed)) for seed in range(30)]
    assert all(0.499 <= missing(keep) < 0.51 for keep in masks)
    # the angles go all around: each quarter of the image is seen at some and hidden at others
    corners = torch.stack([keep[0, 64::128, 64::128].flatten() for keep in masks])
    assert ((corners.mean(0) > 0.2) & (corners.mean(0) < 0.8)).all()


@pytest.mark.parametrize("share", [(0.4, 0.8), (0.0, 0.2)])
def test_free_forms_hide_the_share_that_was_asked_for(share: tuple[float, float]) -> None:
    shares = [missing(shapes.free_form(64, 64, share, generator("free", seed))) for seed in range(20)]
    assert share[0] <= min(shares) and max(shares) <= share[1]
    assert max(shares) - min(shares) > 0.3 * (share[1] - share[0])


@pytest.mark.parametrize("share", [(0, 0.01), (0.99, 1)])
def test_random_pixels_leave_something_to_see_and_something_to_find(share: tuple[float, float]) -> None:
    assert all(0 < missing(shapes.pixels(4, 4, share, generator(seed))) < 1 for seed in range(20))


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(PosterityError, match=r"strokes: no mask in 1000 draws hid a share between 0.95 and 0.96"):
        shapes.strokes(8, 8, (0.95, 0.96), generator(0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("box", shapes.CENTRE),
        ("half", "top"),
        ("expand", 78 / 256),
        ("random_box", (0.5, 1 / 16)),
        ("pixels", (0.7, 0.8)),
        ("window", (0.5, 0.8)),
        ("strokes", (0.05, 0.2)),
        ("rotated_half", True),
        ("free_form", (0.4, 0.8)),
        ("face_part", "mouth_small"),
    ],
)
def test_every_shape_is_a_binary_mask_that_acts_once(name: str, value: object) -> None:
    assert name in shapes.SHAPES
    keep = shapes.SHAPES[name](48, 32, value, generator(1))
    assert keep.shape == (1, 48, 32)
    assert set(keep.unique().tolist()) == {0.0, 1.0}
    operator = Inpainting(keep[None].double(), (3, 48, 32))
    y = operator(torch.randn(2, 3, 48, 32, dtype=torch.float64))
    assert torch.equal(operator(y), y)
    # In gather form A Aᵀ = I: what is measured comes back as it was.
    assert torch.equal(operator(operator.adjoint(y))[:, :, keep[0] == 1], y[:, :, keep[0] == 1])
