"""Draws labelled rows of pictures as one composed picture, which is fast and stays sharp."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.artifacts import signals
from posterity.figures import style
from posterity.signals import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "Row", "absent", "draw", "pixels"]

_CELL = 0.64  # height of a picture in inches: 128 dots of the PNG, twice 64 pixels
_GAP, _BLOCK = 1 / 16, 0.25  # gaps between pictures and between blocks, in picture heights
_LETTER, _LINE = 0.058, 0.125  # inches of a label's letter and of a heading's line


@dataclass(frozen=True)
class Row:
    """Blocks of pictures, e.g. the truth, the measurement and a set; None leaves a place empty.

    Arguments:
        label: text on the left.
        blocks: pictures by block; all rows have blocks of the same sizes.
        apart: adds space above this row.
    """

    label: str
    blocks: Sequence[Sequence[Picture | None]]
    apart: bool = False


def pixels(signal: dict[str, Any]) -> Picture:
    """Return the picture of a ``SIGNAL`` struct, levels (H, W, 3)."""
    return signals.picture(signal, "a picture of the gallery")


def absent(height: int, width: int) -> Picture:
    """Return a pale, crossed-out placeholder (height, width, 3) for a picture that cannot exist."""
    y, x = np.mgrid[:height, :width]
    stroke = np.abs(y * width - (height - 1 - x * height / width) * width) <= width
    return np.where(stroke, 200, 244).astype(np.uint8)[..., None].repeat(3, 2)


def draw(rows: Sequence[Row], headings: Sequence[str], room: float = _BLOCK) -> Figure:
    """Draw the gallery with a heading over each block.

    Arguments:
        rows: rows with blocks of the same sizes, and pictures of one size.
        headings: one heading per block.
        room: gap between blocks, in picture heights.
    """
    sizes = [len(b) for b in rows[0].blocks]
    own, across = next(p.shape[:2] for row in rows for block in row.blocks for p in block if p is not None)
    grow = -(-64 // own)  # enlarge small pictures by an integer factor, so that gaps are even
    side, wide, aspect = own * grow, across * grow, across / own
    left, tops, width, height = _places(sizes, [r.apart for r in rows], room, aspect)
    sheet = np.zeros((round(height * side), round(width * side), 4), np.uint8)
    for row, top in zip(rows, tops, strict=True):
        for block, start in zip(row.blocks, left, strict=True):
            for k, picture in enumerate(block):
                if picture is not None:
                    y, x = round(top * side), round((start + k * (aspect + _GAP)) * side)
                    sheet[y : y + side, x : x + wide, :3] = picture.repeat(grow, 0).repeat(grow, 1)
                    sheet[y : y + side, x : x + wide, 3] = 255
    # whole hundredths of an inch, so that at 200 dpi each picture covers a whole number of dots
    margin = round(_LETTER * max(len(r.label) for r in rows) + 0.2, 2)
    wides = [size * aspect + (size - 1) * _GAP for size in sizes]
    heads = [_lines(h, int((one + room) * _CELL / _LETTER)) for h, one in zip(headings, wides, strict=True)]
    total_width, total_height = width * _CELL + margin + 0.1, height * _CELL + 0.4
    total_height = round(total_height + _LINE * (max(map(len, heads)) - 1), 2)
    figure, (ax,) = style.canvas(total_width, total_height)
    figure.set_layout_engine("none")
    ax.set_position(
        (margin / total_width, 0.1 / total_height, width * _CELL / total_width, height * _CELL / total_height)
    )
    ax.imshow(sheet, extent=(0, width, height, 0), interpolation="none", aspect="equal")
    ax.axis("off")
    for row, top in zip(rows, tops, strict=True):
        ax.text(-0.12, top + 0.5, row.label, ha="right", va="center", fontsize=7)
    for lines, start, one in zip(heads, left, wides, strict=True):
        ax.text(start + one / 2, -0.12, "\n".join(lines), ha="center", va="bottom", fontsize=7)
    return figure


def _lines(heading: str, letters: int) -> list[str]:
    """Break a heading behind spaces and underscores into lines of so many letters, longer ones where it must."""
    lines = [""]
    for part in re.findall(r"[^ _]*[ _]?", heading):
        if lines[-1] and len((lines[-1] + part).rstrip()) > letters:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def _places(
    sizes: Sequence[int], apart: Sequence[bool], room: float, aspect: float
) -> tuple[list[float], list[float], float, float]:
    """Return left edges of blocks, top edges of rows, total width and height, in picture heights."""
    left, x = [], 0.0
    for size in sizes:
        left.append(x)
        x += size * aspect + (size - 1) * _GAP + room
    tops, y = [], 0.0
    for k, far in enumerate(apart):
        y += (_BLOCK if far else _GAP) if k else 0.0
        tops.append(y)
        y += 1
    return left, tops, x - room, y
