"""Two practice questions per study, on drawn faces, so that the right answer is beyond dispute."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Practice", "face", "practice"]

_SKINS = ("#f2c14e", "#7fb685", "#6fa8dc", "#e08e79", "#b39ddb")
_SIDE, _FINE = 128, 4
_SPREAD = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4))
_ALIKE = ((0, 0), (0, 0), (0, 0), (0, 0), (0, 0))


class Practice(NamedTuple):
    """A practice question: its row of the artifact "questions", its pictures, the right answer and why."""

    row: dict[str, Any]
    left: list[bytes]
    right: list[bytes]
    target: bytes | None
    correct: str
    because: str


def practice(experiment: str, study: str, count: int) -> list[Practice]:
    """Return the two practice questions of a study; ``approach`` of a row is the right answer."""
    base = {"experiment": experiment, "study": study, "practice": True}
    out = []
    for number in (1, 2):
        left, right, target, correct, because = _PARTS[study](number == 1, count)
        row = {**base, "question": f"practice-{study}-{number}", "approach": correct}
        out.append(Practice(row, left, right, target, correct, because))
    return out


def _set(looks: tuple[tuple[int, int], ...], count: int) -> list[bytes]:
    return [face(*looks[i % len(looks)]) for i in range(count)]


def _diversity(first: bool, count: int) -> Any:
    varied, alike = _set(_SPREAD, count), _set(_ALIKE if first else ((1, 3), (1, 3), (1, 2)), count)
    sides = (alike, varied) if first else (varied, alike)
    because = "The faces of that set differ in colour and mouth; those of the other set hardly differ."
    return *sides, None, "right" if first else "left", because


def _coverage(first: bool, count: int) -> Any:
    shown = _set(_SPREAD[:4], count)
    if first:
        return shown, [], face(2, 2), "yes", "One face of the set is the target itself."
    return shown, [], face(4, 4), "no", "No face of the set has this colour and this mouth."


def _quality(first: bool, count: int) -> Any:
    clean, spoiled = [face(3 if first else 1, 1)], [face(3 if first else 1, 1, spoiled=True)]
    because = "The other picture is covered with coloured specks."
    return *((clean, spoiled) if first else (spoiled, clean)), None, "left" if first else "right", because


_PARTS = {"paired_diversity": _diversity, "coverage": _coverage, "paired_quality": _quality}


def face(skin: int, mouth: int, spoiled: bool = False) -> bytes:
    """Return a drawn face as PNG, 128×128 RGB."""
    from PIL import Image, ImageDraw

    n = _SIDE * _FINE
    image = Image.new("RGB", (n, n), "white")
    pen = ImageDraw.Draw(image)

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        return (x - w) * n, (y - h) * n, (x + w) * n, (y + h) * n

    pen.ellipse(box(0.5, 0.5, 0.42, 0.42), fill=_SKINS[skin])
    for x in (0.35, 0.65):
        pen.ellipse(box(x, 0.42, 0.05, 0.07), fill="#3a2f2a")
    ink, width = "#3a2f2a", n // 28
    if mouth == 0:
        pen.arc(box(0.5, 0.56, 0.2, 0.16), 20, 160, ink, width)
    elif mouth == 1:
        pen.ellipse(box(0.5, 0.7, 0.08, 0.1), fill=ink)
    elif mouth == 2:
        pen.rectangle(box(0.5, 0.69, 0.17, 0.02), fill=ink)
    elif mouth == 3:
        pen.arc(box(0.5, 0.78, 0.18, 0.13), 200, 340, ink, width)
    else:
        pen.chord(box(0.5, 0.6, 0.23, 0.2), 0, 180, fill="white", outline=ink, width=width // 2)
    image = image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if spoiled:
        pixels = np.asarray(image).copy()
        rng = np.random.default_rng(0)
        specks = rng.random(pixels.shape[:2]) < 0.25
        pixels[specks] = rng.integers(0, 256, (int(specks.sum()), 3))
        image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
