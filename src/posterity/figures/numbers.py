"""Extracts the numbers that a figure shows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from posterity.figures.style import Drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["csv_text"]


def csv_text(drawn: Drawn, sources: Sequence[str]) -> str:
    """Return the figure's declared numbers, or else everything that it plots, or else the files of its pictures."""
    records = list(drawn.data) or [
        {"panel": _title(ax) or number, **row}
        for number, ax in enumerate(drawn.figure.axes, 1)
        for row in _plotted(ax)
    ]  # fmt: skip
    records = records or [{"file": name} for name in sources]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(k for r in records for k in r)) or ["file"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def _title(ax: Axes) -> str:
    return " ".join(text for where in ("left", "center", "right") if (text := ax.get_title(loc=where)))


def _plotted(ax: Axes) -> Iterator[Mapping[str, Any]]:
    """Yield points of lines and scatter plots and edges of bars, in the units of the axes."""
    from matplotlib.collections import PathCollection
    from matplotlib.patches import Rectangle

    for line in ax.lines:
        for x, y in zip(*line.get_data(), strict=True):
            yield {"shape": "line", "series": _series(line), "x": f"{x:.6g}", "y": f"{y:.6g}"}
    for cloud in ax.collections:
        if isinstance(cloud, PathCollection):
            for x, y in cloud.get_offsets():
                yield {"shape": "point", "series": _series(cloud), "x": f"{x:.6g}", "y": f"{y:.6g}"}
    for bar in ax.patches:
        if isinstance(bar, Rectangle):
            (x, y), wide, high = bar.get_xy(), bar.get_width(), bar.get_height()
            edges = {"x": x, "y": y, "x_end": x + wide, "y_end": y + high}
            yield {"shape": "bar", "series": _series(bar), **{k: f"{v:.6g}" for k, v in edges.items()}}


def _series(artist: Any) -> str:
    """Return the artist's legend label, "" for matplotlib's automatic ones, which begin with "_"."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else label
