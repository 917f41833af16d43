"""A measurement, the answers that fit it with their exact probabilities, and draws of samplers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posterity.figures import choose, gallery, style
from posterity.tables import answers
from posterity.tables.frames import KEYS, Frames

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["NEEDS", "SECTION", "TITLE", "draw", "percent"]

NEEDS = ("exact_draws",)
SECTION = "gallery"
TITLE = "Answers that fit, and what samplers drew"
_SHOWN = 5
_CELL, _GAP, _MARGIN, _HEAD, _FOOT = 0.76, 0.06, 0.08, 0.2, 0.17
"""In inches: a picture, the gap between two, the margin, the line above a row, the numbers below it."""


@dataclass(frozen=True)
class _Shown:
    """A picture with the exact probability of what it shows; None if that does not apply."""

    picture: gallery.Picture
    probability: float | None


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one item: exact draws of distinct answers, most probable first, and the first draws of other samplers."""
    draws = answers.probabilities(frames)
    exact = draws[(draws["method"] == "exact") & (draws["wrappers"] == "")]
    if exact.empty:
        raise frames.missing("samples", none="of exact draws over pictures")
    run = dict(zip(KEYS, exact.sort_values(list(KEYS))[list(KEYS)].iloc[0], strict=True))
    place = {k: run[k] for k in ("dataset", "task", "prior")}
    draws = draws[(draws[list(place)] == list(place.values())).all(axis=1)]
    pictures = choose.measured(frames, place)
    item = choose.items(set(draws["item"]), settings, 1)[0]
    mine = draws[draws["item"] == item]
    fit = float(answers.effective(frames).loc[(*place.values(), item)])
    rows = [("Exact posterior, different answers", _shown(frames, run, item, _different(mine, run["sampler"])))]
    for sampler in _others(mine, run["sampler"]):
        first = mine[mine["sampler"] == sampler].sort_values("sample").head(_SHOWN)
        words = f"{style.sampler(frames, sampler)}, its first draws"
        rows.append((words, _shown(frames, {**place, "sampler": sampler}, item, first)))
    truth, seen = pictures[item]
    caption = (
        f"Item {item}, the first by name; {choose.described(place)}. Below each picture is the exact posterior "
        f"probability of the prior's picture that it shows; crossed out: under {answers.LEAST:.1%}. Exact "
        "draws: one of each picture that was drawn, the most probable first. No draw of a sampler was chosen."
    )
    columns = [*KEYS, "item", "sample", "mode", "probability"]
    return style.Drawn(_sheet(seen, truth, fit, rows), caption, mine[columns].to_dict("records"))


def percent(probability: float) -> str:
    """Format a probability to two digits: 34 %, 2.1 %, 0.25 %."""
    if probability < answers.LEAST:
        return "< 0.1 %"
    return f"{100 * probability:.{0 if probability >= 0.0995 else 1 if probability >= 0.00995 else 2}f} %"


def _different(draws: pd.DataFrame, sampler: str) -> pd.DataFrame:
    """Return one draw per answer, the most probable first."""
    mine = draws[draws["sampler"] == sampler].sort_values(["probability", "sample"], ascending=[False, True])
    return mine.drop_duplicates("mode").head(_SHOWN)


def _others(draws: pd.DataFrame, exact: str) -> list[str]:
    """Return the item's samplers other than exact ones; a wrapped one follows its plain partner."""
    found = draws[draws["method"] != "exact"].drop_duplicates("sampler")
    return [s for s in found.sort_values(["method", "wrappers", "sampler"])["sampler"] if s != exact]


def _shown(frames: Frames, run: Mapping[str, str], item: str, draws: pd.DataFrame) -> list[_Shown]:
    pool = choose.pool(frames, run)
    signals = pool[pool["item"] == item].set_index("sample")["signal"]
    return [_Shown(gallery.pixels(signals[r.sample]), float(r.probability)) for r in draws.itertuples()]


def _sheet(seen: gallery.Picture, truth: gallery.Picture, fit: float, rows: list[tuple[str, list[_Shown]]]) -> Figure:
    """Draw the measurement in the first row, then one row per sampler; narrow enough for a phone."""
    every = [("", [_Shown(seen, None), _Shown(truth, None)]), *rows]
    row = _HEAD + _CELL + _FOOT
    width, height = 2 * _MARGIN + _SHOWN * _CELL + (_SHOWN - 1) * _GAP, len(every) * row + _MARGIN
    figure, (whole,) = style.canvas(width, height)
    figure.set_layout_engine("none")
    whole.remove()
    for number, (words, shown) in enumerate(every):
        top = height - number * row
        figure.text(_MARGIN / width, (top - 0.5 * _HEAD) / height, words, va="center", fontsize=8, weight="bold")
        for k, one in enumerate(shown):
            left = _MARGIN + k * (_CELL + _GAP)
            box = (left / width, (top - _HEAD - _CELL) / height, _CELL / width, _CELL / height)
            under = ("measured", "what it was")[k] if number == 0 else None
            _picture(figure, box, one, under)
    words = f"{_amount(fit)} of the pictures\nthat the prior knows fit\nwhat was measured."
    middle = (_MARGIN + 2 * (_CELL + _GAP) + 0.06) / width
    figure.text(middle, (height - _HEAD - _CELL / 2) / height, words, va="center", fontsize=8.5, linespacing=1.5)
    return figure


def _amount(fit: float) -> str:
    return f"About {fit:.0f}" if fit >= 9.5 else f"About {fit:.1f}"


def _picture(figure: Figure, box: tuple[float, float, float, float], one: _Shown, under: str | None) -> None:
    """Draw a picture with its number; a ruled-out one gets a dashed frame and a cross, not only a colour."""
    ax = figure.add_axes(box)
    ax.imshow(np.asarray(one.picture), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    wrong = one.probability is not None and one.probability < answers.LEAST
    for side in ax.spines.values():
        side.set(visible=True, color=style.COLOURS["red"] if wrong else style.GREY, linewidth=1.6 if wrong else 0.4)
        side.set_linestyle((0, (3, 2)) if wrong else "-")
    text = under if one.probability is None else f"✕ {percent(one.probability)}" if wrong else percent(one.probability)
    ax.annotate(
        text or "", (0.5, 0), (0, -2.5), xycoords="axes fraction", textcoords="offset points", ha="center", va="top",
        fontsize=7.5, color=style.COLOURS["red"] if wrong else style.INK,
    )  # fmt: skip
