"""A matrix of which statistic distinguishes which sampler from exact draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posterity.certificates.overview import Look
from posterity.figures import style
from posterity.tables.frames import Frames

__all__ = ["SECTION", "TITLE", "draw", "matrix"]

SECTION = "exact"
TITLE = "What each statistic detects in each sampler"
_CAUGHT, _PASSED = ("approximate", "regressed", "improved"), ("exact", "open")
_WORDS = {"sliced_wasserstein": "sliced W"}


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:  # noqa: ARG001 - all that is in the artifact
    """Draw the matrix: a statistic catches a sampler in a case if one of its deciding values is outside its margin."""
    rows = frames.frame("certificates")
    rows = rows[rows["decides"].fillna(False).astype(bool) & rows["verdict"].isin([*_CAUGHT, *_PASSED])]
    cases = rows.assign(caught=rows["verdict"].isin(_CAUGHT))
    cases = cases.groupby(["sampler", "prior", "task", "statistic"])["caught"].any().reset_index()
    found = {
        (sampler, statistic): Look(sampler, statistic, int(own.sum()), len(own))
        for (sampler, statistic), own in cases.groupby(["sampler", "statistic"])["caught"]
    }
    samplers, statistics = (sorted(set(cases[k])) for k in ("sampler", "statistic"))
    return matrix([found.get((s, k), Look(s, k, 0, 0)) for s in samplers for k in statistics])


def matrix(looks: Sequence[Look]) -> style.Drawn:
    """Draw one row per sampler (exact draws first, then those caught least) and one column per statistic."""
    total: dict[str, list[Look]] = {}
    for one in looks:
        total.setdefault(one.sampler, []).append(one)
    samplers = sorted(total, key=lambda s: (s != "exact", _share(total[s]), s))
    statistics = list(dict.fromkeys(one.statistic for one in looks))
    figure, (ax,) = style.canvas(1.5 + 0.62 * len(statistics), 0.9 + 0.24 * len(samplers))
    # at least one column, even if no certificate decides anything
    ax.set(xlim=(-0.5, max(len(statistics), 1) - 0.5), ylim=(max(len(samplers), 1) - 0.5, -0.5))
    ax.set_xticks(range(len(statistics)), [_WORDS.get(s, s) for s in statistics], rotation=35, ha="left")
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(samplers)), [style.name(s) for s in samplers])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    for one in looks:
        _cell(ax, statistics.index(one.statistic), samplers.index(one.sampler), one)
    caption = (
        "✕: caught, the statistic tells the sampler from exact draws in so many of so many cases (a prior and a task "
        "each). ✓: passed, in none of them. –: blind, the statistic has nothing to say about the sampler's problems."
    )
    return style.Drawn(figure, caption, [vars(one) for one in looks])


def _share(looks: Sequence[Look]) -> float:
    cases = sum(one.cases for one in looks)
    return sum(one.caught for one in looks) / cases if cases else 0.0


def _cell(ax: Any, x: int, y: int, one: Look) -> None:
    """Draw a sign for the outcome and a shade for its frequency, so that nothing depends on the shade alone."""
    if not one.cases:
        ax.annotate("–", (x, y), ha="center", va="center", fontsize=8, color=style.GREY)
        return
    share = one.caught / one.cases
    colour = style.COLOURS["red" if one.caught else "green"]
    alpha = 0.15 + 0.45 * share if one.caught else 0.15
    ax.fill(
        [x - 0.47, x + 0.47, x + 0.47, x - 0.47],
        [y - 0.44, y - 0.44, y + 0.44, y + 0.44],
        color=colour,
        alpha=alpha,
        linewidth=0,
    )
    words = f"✕ {one.caught}/{one.cases}" if one.caught else "✓"
    ax.annotate(words, (x, y), ha="center", va="center", fontsize=6.5, color=style.INK)
