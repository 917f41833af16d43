"""A pool as a tree: each shown sample represents those nearest to it (Cohen et al. 2024, App. G)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from posterity.figures import choose, gallery, style
from posterity.tables.frames import Frames
from posterity.tables.pools import LEAST, Pool, attributes, large, pools
from posterity.tables.task_kinds import of_a_face

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("pool",)
SECTION = "gallery"
TITLE = "A pool as a tree of representatives"
_COUNT = 5


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one row per top-level representative, with the samples that appear when it is expanded."""
    from posterity.subsets.hierarchical import brackets

    pooled = [a for a in frames.of("samples") if large(a)]
    # prefer hidden parts of faces, which leave many answers open; other tasks may leave only one
    fits = [a for a in pooled if of_a_face(frames.task(a.key))] or pooled
    run = choose.first(frames, f"with pools of at least {LEAST}", lambda a: a in fits)
    model = attributes(frames, run.key["dataset"])
    every = {p.item: p for p in pools(frames, run.key, model)}
    item = choose.items(every, settings, 1)[0]
    pool, nodes = every[item], _tree(every[item])
    children: dict[tuple[int, ...], list[int]] = {}
    for path, index in nodes:
        children.setdefault(path[:-1], []).append(index)
    rows = []
    for k, index in enumerate(children[()]):
        opened = [gallery.pixels(pool.pictures[i]) for i in children.get((k,), [])]
        below = sum(path[0] == k for path, _ in nodes) - 1
        padded = [*opened, *[None] * (_COUNT - len(opened))]
        rows.append(gallery.Row(f"stands for {below}", [[gallery.pixels(pool.pictures[index])], padded]))
    features = "attribute" if model is not None else "pixel"
    caption = (
        f"All {len(pool.samples)} samples of item {item}: five by farthest-point sampling, and in each row the five "
        f"that its branch shows when it is opened; distances of {features} features; {choose.words(run.key)}. "
        f"As nested brackets, each sample behind those it stands for: {brackets(nodes)}"
    )
    return style.Drawn(gallery.draw(rows, ["shown", "opened"]), caption)


def _tree(pool: Pool) -> list[tuple[tuple[int, ...], int]]:
    from posterity import subsets
    from posterity.features.pca import distances, pca
    from posterity.subsets.hierarchical import tree

    between = distances(pca(pool.features.get("attributes", pool.features["pixels"])))
    rule = subsets.find("fps")()

    def within(eligible: list[int], count: int) -> list[int]:
        chosen = rule.choose(between[np.ix_(eligible, eligible)], count, np.random.default_rng(0))
        return [eligible[i] for i in chosen]

    return tree(between, _COUNT, within, soft_factor=4)
