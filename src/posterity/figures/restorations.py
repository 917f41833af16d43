"""Contact sheet: one restoration of every task of an experiment by every sampler that supports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posterity.figures import choose, gallery, style
from posterity.tables import _runs, restoration, task_kinds
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("run",)
SECTION = "gallery"
TITLE = "Restorations"
_SKIPPED = ("exact_again",)  # looks like the first one


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw a few rows per task, one per item; the columns are truth, measurement and one sample per sampler."""
    runs = {tuple(a.key[k] for k in ("dataset", "task", "prior", "sampler")): a for a in frames.of("samples")}
    if not runs:
        raise frames.missing("samples")
    ours = {s for *_, s in runs} - set(_SKIPPED)
    samplers = [*(s for s in restoration.SAMPLERS if s in ours), *sorted(ours - set(restoration.SAMPLERS))]
    places = {key[:3] for key in runs}
    rows: list[gallery.Row] = []
    for place in sorted(places, key=lambda p: (p[0], p[2], _order(frames, p), p[1])):
        where = dict(zip(("dataset", "task", "prior"), place, strict=True))
        pictures = choose.measured(frames, where)
        pools = {s: _pool(frames, {**where, "sampler": s}) for s in samplers if (*place, s) in runs}
        for n, item in enumerate(choose.items(pictures, settings, 2)):
            truth, seen = pictures[item]
            blank = gallery.absent(truth.shape[0], truth.shape[1])
            shown = [gallery.pixels(pools[s][item]) if s in pools else blank for s in samplers]
            label = style.name(place[1]) if n == 0 else ""
            rows.append(gallery.Row(label, [[truth], [seen], *([p] for p in shown)], apart=n == 0 and bool(rows)))
    shown_of = ", ".join(sorted({f"{d} under prior {p}" for d, _, p in places}))
    caption = (
        "The first sample of each item; of phase retrieval the best by LPIPS. Struck out: not run, mostly because the "
        f"sampler cannot do the task; the table says why. {shown_of}; no sample was chosen by hand."
    )
    heads = ["truth", "measured", *(_heading(frames, s) for s in samplers)]
    return style.Drawn(gallery.draw(rows, heads, room=0.1), caption)


def _order(frames: Frames, place: tuple[str, ...]) -> int:
    """Return a task's rank in the paper's order of the ten problems; other tasks come last."""
    problem = task_kinds.problem(frames.task({"dataset": place[0], "task": place[1]}))
    return list(task_kinds.TEN).index(problem) if problem else len(task_kinds.TEN)


def _pool(frames: Frames, key: Mapping[str, str]) -> dict[str, Any]:
    """Return {item: the picture shown}."""
    rows = choose.pool(frames, key)
    if frames.task(key)["operator"] == "phase":
        rows = rows.merge(restoration.best(_metrics(frames, key)))
    return {r.item: r.signal for r in rows.drop_duplicates("item").itertuples()}


def _metrics(frames: Frames, key: Mapping[str, str]) -> pd.DataFrame:
    return _runs.shown(frames.frame("metrics", **key))


def _heading(frames: Frames, sampler: str) -> str:
    return "exact" if sampler == "exact" else style.sampler(frames, sampler)
