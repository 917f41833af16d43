"""SVG is drawn on white, and no drawing ends the process that asked for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from posterity.datasets import drawing
from posterity.datasets.drawing import Draw, drawer
from posterity.errors import PosterityError

HEAD = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
HALF = HEAD + b'<rect width="4" height="8"/></svg>'


@pytest.fixture
def draw() -> Iterator[Draw]:
    with drawer() as found:
        yield found


def nested(count: int) -> bytes:
    return HEAD + b"<g>" * count + b'<rect width="8" height="8"/>' + b"</g>" * count + b"</svg>"


def test_drawings_are_on_white_and_come_one_after_the_other(draw: Draw) -> None:
    for size in (8, 16):
        pixels = draw(HALF, size, "half")
        assert pixels.shape == (size, size, 3) and pixels.dtype == np.uint8
        assert (pixels[:, : size // 2] == 0).all() and (pixels[:, size // 2 :] == 255).all()
    assert (draw(nested(20), 8, "nested") == 0).all()


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_groups_in_groups_end_only_the_process_that_draws(draw: Draw, count: int) -> None:
    with pytest.raises(
        PosterityError, match=r"^a\.svg cannot be drawn: it is too deep or too large for the rasteriser$"
    ):
        draw(nested(count), 8, "a.svg")
    with pytest.raises(PosterityError, match=r"^b\.svg cannot be drawn"):
        draw(HALF, 8, "b.svg")


def test_what_is_no_svg_is_told_and_the_next_one_is_drawn(draw: Draw) -> None:
    uses = b"".join(b'<g id="a%d">%s</g>' % (i, b'<use href="#a%d"/>' % (i + 1) * 10) for i in range(9))
    for svg in (b"<svg", b"\xff\xfe", b"", HEAD, HEAD + uses + b"</svg>", b"\x89PNG"):
        with pytest.raises(PosterityError, match=r"^a\.svg cannot be drawn \(.+\)$") as error:
            draw(svg, 8, "a.svg")
        assert "\n" not in str(error.value)
    assert draw(HALF, 8, "half").mean() == 127.5


def test_a_drawing_that_takes_too_long_is_given_up(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_SECONDS", 0.0)
    with pytest.raises(PosterityError, match=r"^a\.svg cannot be drawn within 0 s$"):
        draw(HALF, 8, "a.svg")
