"""The same measurements restored by the same sampler under several priors, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("two_priors",)
SECTION = "gallery"
TITLE = "The same sampler under different priors"
_SHOWN = 3


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one row per measurement, with blocks for the truth, the measurement, and samples under each prior."""
    order = _problems(frames)
    columns = sorted({prior for _, priors in order for prior in priors})
    rows: list[gallery.Row] = []
    for (dataset, task, sampler), priors in order:
        key = {"dataset": dataset, "task": task}
        pictures = choose.measured(frames, key)
        pools = {p: choose.pool(frames, {**key, "prior": p, "sampler": sampler}) for p in priors}
        for n, item in enumerate(choose.items(pictures, settings, 3)):
            truth, seen = pictures[item]
            shown = [_samples(pools[p], item) if p in pools else [None] * _SHOWN for p in columns]
            label = f"{style.name(task)}, {style.sampler(frames, sampler)}" if n == 0 else ""
            rows.append(gallery.Row(label, [[truth], [seen], *shown], apart=n == 0 and bool(rows)))
    caption = (
        f"The first {_SHOWN} samples of each item, none chosen by hand: "
        f"{', '.join(sorted({dataset for (dataset, _, _), _ in order}))}."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "measured", *(f"prior {p}" for p in columns)]), caption)


def _problems(frames: Frames) -> list[tuple[tuple[str, str, str], list[str]]]:
    """Return ((dataset, task, sampler), priors) for samplers run under two or more priors, without exact ones."""
    found = defaultdict(set)
    for artifact in frames.of("samples"):
        key = artifact.key
        if artifact.recipe.method != "exact":
            found[key["dataset"], key["task"], key["sampler"]].add(key["prior"])
    several = [(problem, sorted(priors)) for problem, priors in sorted(found.items()) if len(priors) > 1]
    if not several:
        raise frames.missing("samples", none="of one sampler under two priors")
    return several


def _samples(pool: Any, item: str) -> list[gallery.Picture | None]:
    shown: list[gallery.Picture | None] = [gallery.pixels(i) for i in pool[pool.item == item].signal[:_SHOWN]]
    return shown + [None] * (_SHOWN - len(shown))
