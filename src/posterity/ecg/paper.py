"""The printed ECG sheet: 3×4 leads and rhythm strips at true size, 25 mm/s and 10 mm/mV.

Measured values are black. Restored values are coloured, with a band that holds 90 % of the draws and a few single
draws, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posterity.ecg.files.record import Record
from posterity.ecg.leads import CHEST, STANDARD, canonical
from posterity.errors import PosterityError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MM_PER_MV", "MM_PER_S", "NOTICE", "RESTORED", "save", "sheet"]

Array = NDArray[np.floating[Any]]

MM_PER_S, MM_PER_MV = 25.0, 10.0
NOTICE = "research use; not for diagnosis"
RESTORED = "restored, not measured"
_WIDTH, _HEIGHT = 297.0, 210.0
"""Width and height of landscape A4 in mm."""
_LEFT, _RIGHT, _BOTTOM, _TOP = 22.0, 272.0, 10.0, 190.0
"""Borders of the area of traces in mm: 250 mm wide for 10 s."""
_SECONDS = (_RIGHT - _LEFT) / MM_PER_S
_COLUMNS = 4
_PULSE = (6.0, 5.0)
"""mm from the left edge to the calibration pulse, and its width: 0.2 s."""
_ORDERS = {
    False: (("I", "II", "III"), ("aVR", "aVL", "aVF"), CHEST[:3], CHEST[3:]),
    True: (("aVL", "I", "-aVR"), ("II", "aVF", "III"), CHEST[:3], CHEST[3:]),
}
"""Columns in the usual order and in Cabrera's, which is ordered by angle and inverts aVR."""
_INK, _COLOUR, _FINE, _COARSE = "#111111", "#0060b0", "#f6d5d2", "#e9a6a0"
_QUANTILES = (0.05, 0.95)
_DRAWS = 2
"""Number of single draws shown."""


@dataclass(frozen=True)
class _Trace:
    """A lead between two times, with its position on the sheet."""

    lead: str
    start: float
    stop: float
    left: float
    level: float


def sheet(
    record: Record, draws: Sequence[Record] = (), *, cabrera: bool = False, rhythm: Sequence[str] = ("II",),
    title: str = "",
) -> Figure:  # fmt: skip
    """Draw the first ten seconds of an ECG; a shorter one repeats its end in later columns.

    Arguments:
        record: the measured record; limb leads determined by two others count as measured.
        draws: restorations, shown where the record is missing; their rate may differ.
        cabrera: limb leads as aVL, I, −aVR, II, aVF, III.
        rhythm: leads drawn over the full width below the twelve.
        title: one line at the top.

    Raises:
        PosterityError: if a rhythm lead is unknown, or draws and record differ in duration.
    """
    from matplotlib.figure import Figure

    for draw in draws:
        if abs(draw.seconds - record.seconds) > 2 / draw.rate:
            raise PosterityError(f"a draw lasts {draw.seconds:g} s, the record {record.seconds:g} s; they must agree")
    figure = Figure(figsize=(_WIDTH / 25.4, _HEIGHT / 25.4), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(0, _HEIGHT))
    axes.axis("off")
    _grid(axes)
    measured, restored = record.twelve(), [draw.twelve() for draw in draws]
    traces = _layout(min(record.seconds, _SECONDS), cabrera, [canonical(lead) for lead in rhythm])
    for level in sorted({trace.level for trace in traces}):
        _pulse(axes, level)
    shown = [_draw(axes, trace, measured, record.rate, restored, [draw.rate for draw in draws]) for trace in traces]
    _words(axes, title, any(shown))
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a sheet as PDF, SVG or PNG, by the suffix of ``path``; equal sheets give equal bytes.

    Raises:
        PosterityError: if the suffix is another.
    """
    import matplotlib

    about: dict[str, dict[str, Any]] = {
        ".pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
        ".svg": {"metadata": {"Date": None, "Creator": None}},
        ".png": {"metadata": {"Software": None}, "dpi": 200},
    }
    if path.suffix not in about:
        raise PosterityError(f"{path.name}: a sheet is written as .pdf, .svg or .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    try:
        with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "posterity"}):
            figure.savefig(beside, format=path.suffix[1:], **about[path.suffix])
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _layout(seconds: float, cabrera: bool, rhythm: Sequence[str]) -> list[_Trace]:
    """Return the traces and their positions; ``seconds`` is at most ten."""
    rows = 3 + len(rhythm)
    step = (_TOP - _BOTTOM) / rows
    levels = [5 * round((_TOP - (row + 0.55) * step) / 5) for row in range(rows)]  # on a thick line of the grid
    part, width = min(_SECONDS / _COLUMNS, seconds), (_RIGHT - _LEFT) / _COLUMNS
    found = []
    for column, names in enumerate(_ORDERS[cabrera]):
        start = min(column * part, seconds - part)
        left = _LEFT + column * width
        found += [_Trace(lead, start, start + part, left, levels[row]) for row, lead in enumerate(names)]
    return found + [_Trace(lead, 0, seconds, _LEFT, levels[3 + k]) for k, lead in enumerate(rhythm)]


def _draw(
    axes: Axes, trace: _Trace, measured: Array, rate: float, draws: Sequence[Array], rates: Sequence[float]
) -> bool:
    """Draw one trace; True if a part of it was restored."""
    row, sign = STANDARD.index(trace.lead.removeprefix("-")), -1 if trace.lead.startswith("-") else 1
    t, values = _cut(trace, sign * measured[row], rate)
    axes.plot(
        *_place(trace, t, values), color=_INK, linewidth=0.7, gid=f"measured{trace.lead}", solid_joinstyle="round"
    )
    restored = False
    if draws:
        parts = [_cut(trace, sign * draw[row], rate_of) for draw, rate_of in zip(draws, rates, strict=True)]
        at = parts[0][0]
        own = np.isnan(measured[row])
        absent = own[np.minimum((at * rate).astype(int), len(own) - 1)]
        pool = np.stack([np.where(absent, np.interp(at, *part), np.nan) for part in parts])
        restored = bool((~np.isnan(pool)).any())
        if restored:
            low, high = np.quantile(pool, _QUANTILES, axis=0)
            x, y = _place(trace, at, low)
            axes.fill_between(x, y, _place(trace, at, high)[1], color=_COLOUR, alpha=0.22, linewidth=0)
            for one in pool[:_DRAWS]:
                axes.plot(*_place(trace, at, one), color=_COLOUR, linewidth=0.6, gid=f"restored{trace.lead}")
    name = trace.lead.replace("-", "−") + ("  not measured" if not restored and np.isnan(values).all() else "")
    axes.text(trace.left + 1.5, trace.level + 11, name, color=_COLOUR if restored else _INK, fontsize=9, weight="bold")
    if trace.left > _LEFT:
        axes.plot([trace.left] * 2, [trace.level - 3, trace.level + 3], color=_INK, linewidth=0.5)
    return restored


def _cut(trace: _Trace, values: Array, rate: float) -> tuple[Array, Array]:
    first, last = round(trace.start * rate), min(round(trace.stop * rate) + 1, len(values))
    return np.arange(first, last) / rate, values[first:last]


def _place(trace: _Trace, t: Array, values: Array) -> tuple[Array, Array]:
    """Convert seconds and mV to mm on the sheet."""
    return trace.left + (t - trace.start) * MM_PER_S, trace.level + values * MM_PER_MV


def _grid(axes: Axes) -> None:
    """Draw grid lines 1 mm and 5 mm apart; the zero of every trace is on a 5 mm line."""
    from matplotlib.collections import LineCollection

    left, right, bottom, top = _LEFT - 20, _RIGHT + 20, _BOTTOM, _TOP
    for every, colour, width in ((1, _FINE, 0.25), (5, _COARSE, 0.4)):
        upright = [[(x, bottom), (x, top)] for x in np.arange(left, right + 0.5, every)]
        level = [[(left, y), (right, y)] for y in np.arange(bottom, top + 0.5, every)]
        axes.add_collection(LineCollection(upright + level, colors=colour, linewidths=width, zorder=0))


def _pulse(axes: Axes, level: float) -> None:
    """Draw the calibration pulse: 1 mV for 0.2 s."""
    left, width = _PULSE
    x = np.asarray([left - 1.5, left, left, left + width, left + width, left + width + 1.5])
    y = level + np.asarray([0, 0, 1, 1, 0, 0]) * MM_PER_MV
    axes.plot(x, y, color=_INK, linewidth=0.7, gid="calibration")


def _words(axes: Axes, title: str, restored: bool) -> None:
    axes.text(_LEFT - 20, _TOP + 9, title, color=_INK, fontsize=10, va="center")
    if restored:
        said = f"blue: {RESTORED} (single draws, and a band that holds 90 % of them)"
        axes.text(_LEFT - 20, _TOP + 4, said, color=_COLOUR, fontsize=9, va="center", weight="bold")
    axes.text(_LEFT - 20, 5, f"{MM_PER_S:g} mm/s   {MM_PER_MV:g} mm/mV", color=_INK, fontsize=8, va="center")
    axes.text(_RIGHT + 20, 5, NOTICE, color=_INK, fontsize=8, va="center", ha="right")
