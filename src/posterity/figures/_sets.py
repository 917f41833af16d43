"""Collects chosen subsets as pictures."""

from __future__ import annotations

from collections.abc import Mapping

from posterity.figures import choose
from posterity.figures.gallery import Picture, pixels
from posterity.tables.frames import Artifact, Frames

__all__ = ["chosen", "with_rules"]


def with_rules(frames: Frames, *rules: str) -> Artifact:
    """Return the first run whose subsets include the rules, looking at the largest pools first."""
    sizes = {a.path: int(a.about.get("origin", {}).get("settings", {}).get("samples", 0)) for a in frames.of("samples")}
    names = {
        tuple(a.key.values()): set(frames.frame("subsets", ("subset",), **a.key)["subset"])
        for a in frames.of("subsets")
    }
    fitting = [a for a in frames.of("samples") if set(rules) <= names.get(tuple(a.key.values()), set())]
    if not fitting:
        raise frames.missing("subsets", none=f"with the rules {', '.join(rules)} beside their samples")
    return max(fitting, key=lambda a: sizes[a.path])


def chosen(frames: Frames, key: Mapping[str, str]) -> dict[tuple[str, str], list[Picture]]:
    """Return {(item, rule): pictures in the order of choice}."""
    pool = {(r.item, r.sample): r.signal for r in choose.pool(frames, key).itertuples()}
    rows = frames.frame("subsets", ("item", "subset", "rank", "sample"), **key).sort_values("rank")
    out: dict[tuple[str, str], list[Picture]] = {}
    for r in rows.itertuples():
        out.setdefault((r.item, r.subset), []).append(pixels(pool[r.item, r.sample]))
    return out
