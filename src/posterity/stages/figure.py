"""Draws one figure: SVG, and beside it PNG and its numbers as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posterity import figures
from posterity.artifacts import store
from posterity.stages._settings import Figure

__all__ = ["run"]


def run(settings: dict[str, Any], *, inputs: list[Path], output: Path) -> None:
    """Write ``output`` (.svg), the same figure as .png and its numbers as .csv; ``inputs`` are artifacts of any kind.

    ``settings`` holds experiment and figure, and may restrict dataset, task, prior, sampler and the
    number of items; whatever is not given defaults to the first that has what the figure needs.
    """
    from posterity.figures import numbers, style
    from posterity.tables.frames import Frames

    name = Figure.of(settings).figure
    figure = figures.find(name)
    frames = Frames(inputs, f"figure {name}", settings)
    with style.look():
        drawn = figure.draw(frames, settings)
        svg, png = style.save(drawn, figure.TITLE, sorted(frames.used))
    store.write_bytes(output.with_suffix(".png"), png)
    store.write_bytes(output.with_suffix(".csv"), numbers.csv_text(drawn, sorted(frames.used)).encode())
    store.write_bytes(output, svg)
