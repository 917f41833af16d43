"""Percentages of a user study for the figures, computed from answers or read from their analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posterity.errors import PosterityError
from posterity.figures import style
from posterity.study.design import limit
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Score", "answers", "label", "labels", "legend", "panel", "rows", "scores"]

REPLICATES = 10_000


@dataclass(frozen=True)
class Score:
    """One percentage with its interval."""

    study: str
    run: str
    approach: str
    value: float
    low: float
    high: float
    count: int
    simulated: bool


def answers(frames: Frames) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    """Return (questions, responses, whether simulated), with people's answers if there are any, else simulated ones."""
    from posterity.artifacts import store
    from posterity.study.responses import check

    found, given = frames.of("questions"), frames.of("responses")
    if not found or not given:
        raise frames.missing("responses" if found else "questions")
    if len(found) > 1:
        raise PosterityError(f"{frames.wanted} is of one study, got {found[0].path} and {found[1].path}")
    asked = store.read(found[0].path, "questions").to_pylist()
    named = [(str(a.path), row) for a in given for row in store.read(a.path, "responses").to_pylist()]
    people = [(file, row) for file, row in named if not row["simulated"]]
    partial = any(a.about["origin"].get("settings", {}).get("partial") for a in frames.of("tables"))
    checked = check(people or named, asked, limit(found[0].about), partial)
    if not checked.rows:
        raise frames.missing("responses", none="that answer the given questions")
    return asked, checked.rows, not people


def scores(frames: Frames, fits: Callable[[Score], bool], what: str) -> list[Score]:
    """Return the percentages that fit."""
    from posterity.study.analyse import score
    from posterity.study.design import STUDIES

    if frames.of("questions") and frames.of("responses"):
        asked, given, _ = answers(frames)
        rows = score(asked, given, REPLICATES, seed=0)
    elif frames.of("tables"):
        rows = [r for r in frames.frame("tables").to_dict("records") if r["table"] in STUDIES]
    else:
        raise frames.missing("responses")
    found = [
        Score(r["table"], r["row"], r["column"], r["value"], r["low"], r["high"], r["count"], "simulated" in r["note"])
        for r in rows
    ]
    people = [s for s in found if not s.simulated]
    fitting = [s for s in people or found if fits(s)]
    if not fitting:
        raise frames.missing("responses", none=f"about {what}")
    return fitting


def label(figure: Figure, simulated: bool) -> str:
    """Mark the figure if the answers are simulated, and return a sentence for the caption."""
    if not simulated:
        return "Bootstrap intervals over images and answers, 95 %."
    figure.suptitle("simulated respondent", fontsize=7, color=style.COLOURS["red"], x=0.995, ha="right")
    return "Answers of a simulated respondent, not of people. Bootstrap intervals over images and answers, 95 %."


def panel(ax: Axes, found: list[Score], title: str, half: bool) -> None:
    """Draw percentages by approach, with one colour per run; ``half`` adds the line of indifference."""
    runs = sorted({s.run for s in found})
    approaches = [
        a for a in ("random", "kmeans", "uniformization", "fps", "guided") if any(s.approach == a for s in found)
    ]
    approaches += sorted({s.approach for s in found} - set(approaches))
    colours = list(style.COLOURS.values())
    for k, (run, text) in enumerate(zip(runs, labels(runs), strict=True)):
        for s in (s for s in found if s.run == run):
            x = approaches.index(s.approach) + (k - (len(runs) - 1) / 2) * min(0.16, 0.6 / len(runs))
            colour = colours[k % len(colours)]
            ax.plot([x, x], [s.low, s.high], color=colour, solid_capstyle="butt")
            first = s.approach == next(t.approach for t in found if t.run == run)
            marker = "osD^v"[k // len(colours) % 5]  # another marker when the colours repeat
            ax.plot(x, s.value, marker, color=colour, markersize=4, clip_on=False, label=text if first else None)
    if half:
        ax.axhline(50, color=style.GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    ax.set(title=title, ylim=(0, 100), ylabel="% of answers", xlim=(-0.6, len(approaches) - 0.4))
    ax.set_xticks(range(len(approaches)), [style.name(a) for a in approaches])


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Add one legend below all panels, in as many columns as fit."""
    found = {text: handle for ax in axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    for columns in range(min(len(found), 2 * len(axes)), 0, -1):
        drawn = figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns)
        if columns == 1 or drawn.get_window_extent().width < figure.bbox.width:
            break
        drawn.remove()


def rows(ax: Axes, found: list[Score], runs: Sequence[str], title: str) -> None:
    """Draw percentages of one approach, one line per run, with the line of indifference."""
    for score in found:
        at, colour = runs.index(score.run), style.COLOURS["blue"]
        ax.plot([score.low, score.high], [at, at], color=colour, solid_capstyle="butt")
        ax.plot(score.value, at, "o", color=colour, markersize=4, clip_on=False)
    ax.axvline(50, color=style.GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    ax.set(title=title, xlim=(0, 100), xlabel="% of answers", ylim=(len(runs) - 0.5, -0.5))
    ax.set_yticks(range(len(runs)), labels(runs))
    ax.tick_params(axis="y", length=0)


def labels(runs: Sequence[str]) -> list[str]:
    """Return "task, sampler" for each "dataset/task/prior/sampler", with dataset and prior added if ambiguous."""
    named = list(runs)
    for kept in ([1], [0, 1], [0, 1, 2]):
        named = [_words(run.split("/"), kept) for run in runs]
        if len(set(named)) == len(runs):
            break
    return named


def _words(parts: list[str], kept: Sequence[int]) -> str:
    return ", ".join([*(parts[k] for k in kept), style.name(parts[3])]) if len(parts) == 4 else "/".join(parts)
