"""Effect of discarding part of the pool before choosing (Cohen et al. 2024, Figs. 11 to 13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames
from posterity.tables.pools import LEAST, Pool, attributes, large, pools
from posterity.tables.task_kinds import Task

__all__ = ["draw"]

_COUNT = 5
_PARTS = (1.0, 0.5, 0.2)
"""Fractions of the pool that are kept: at random for farthest-point sampling, by probability for Uniformization."""


def draw(frames: Frames, settings: Mapping[str, Any], what: str, fits: Callable[[Task], bool]) -> style.Drawn:
    """Draw for each item one row per rule and kept fraction of the pool.

    Arguments:
        frames: samples and measurements, and items if the features are attributes.
        settings: settings of the figure.
        what: kind of the runs, for the error message if there are none.
        fits: true for the definition of a task that belongs in the figure.
    """
    run = choose.first(
        frames, f"of {what} with pools of at least {LEAST}", lambda a: fits(frames.task(a.key)) and large(a)
    )
    model = attributes(frames, run.key["dataset"])
    pictures, rows = choose.measured(frames, run.key), []
    every = {p.item: p for p in pools(frames, run.key, model)}
    for number, item in enumerate(choose.items(every, settings, 1)):
        for k, (label, members) in enumerate(_choices(every[item])):
            truth, seen = pictures[item] if k == 0 else (None, None)
            shown = [gallery.pixels(every[item].pictures[i]) for i in members]
            rows.append(gallery.Row(label, [[truth], [seen], shown], apart=k == len(_PARTS) or (k == 0 and number > 0)))
    features = "attribute" if model is not None else "pixel"
    caption = (
        "L is the number of samples kept at random before farthest-point sampling, ρ the share that Uniformization "
        f"keeps, the most probable first; distances of {features} features; {choose.words(run.key)}."
    )
    return style.Drawn(gallery.draw(rows, ["truth", "measured", "shown"]), caption)


def _choices(pool: Pool) -> list[tuple[str, list[int]]]:
    from posterity import subsets
    from posterity.features.pca import distances, pca

    features = pca(pool.features.get("attributes", pool.features["pixels"]))
    between, size = distances(features), len(pool.samples)
    out = []
    for part in _PARTS:
        first = max(round(part * size), _COUNT)
        out.append(
            (
                f"FPS, L = {first}",
                subsets.find("fps")(**{"first": first}).choose(between, _COUNT, np.random.default_rng(0)),
            )
        )
    for part in _PARTS:
        kept = max(part, (_COUNT + 1) / size)
        rule = subsets.find("uniformization")(**{"keep_fraction": kept, "dimension": features.shape[1]})
        chosen = rule.choose(between, _COUNT, np.random.default_rng(0))
        out.append((f"Uniformization, ρ = {kept:.0%}", chosen))
    return out
