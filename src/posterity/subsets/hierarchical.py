"""A tree of representatives: each represents the members of the pool nearest to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posterity.subsets._base import Array

__all__ = ["brackets", "tree"]

Choose = Callable[[list[int], int], list[int]]
"""(eligible indices, count) → indices out of them."""
Tree = list[tuple[tuple[int, ...], int]]


def tree(
    distances: Array, count: int, choose: Choose, soft_factor: float | None = None, percentile: float = 10.0
) -> Tree:
    """Return the whole pool as (path, index), each member once; path (2, 0) is the first child of the third root.

    A member equally near to several representatives belongs to the first. The public code drops it, and with
    it most of a pool in which samples coincide.

    Arguments:
        distances: (N, N).
        count: representatives at each level.
        choose: any rule, restricted to the given members.
        soft_factor: branches larger than this times ``count`` also include the nearest neighbour of
            each member, if nearer than the ``percentile`` of all pairs; None disables this.
    """
    n = len(distances)
    cap = float(np.percentile(distances[np.triu_indices(n, 1)], percentile)) if n > 1 else 0.0
    shown: set[int] = set()
    out: Tree = []

    def soften(branch: list[int]) -> list[int]:
        if soft_factor is None or len(branch) <= soft_factor * count:
            return []
        masked = distances + np.diag(np.full(n, np.inf))
        nearest = {int(masked[i].argmin()) for i in branch if masked[i].min() < cap}
        return sorted(nearest - set(branch) - shown)

    def grow(eligible: list[int], extra: list[int], path: tuple[int, ...]) -> None:
        eligible, extra = [i for i in eligible if i not in shown], [i for i in extra if i not in shown]
        if len(eligible) < count:
            eligible, extra = eligible + extra, []
        seeds = eligible if len(eligible) <= count else choose(eligible, count)
        shown.update(seeds)
        out.extend(((*path, k), c) for k, c in enumerate(seeds))
        rest = [i for i in eligible + extra if i not in shown]
        nearest = [int(distances[i, seeds].argmin()) for i in rest] if seeds else []
        for k in range(len(seeds)):
            branch = [i for i, at in zip(rest, nearest, strict=True) if at == k and i not in shown]
            if branch:
                grow(branch, soften(branch), (*path, k))

    grow(list(range(n)), [], ())
    return out


def brackets(nodes: Tree) -> str:
    """Return the tree as nested brackets, children before their parent: ``((3,7)0,5);``."""
    index = dict(nodes)

    def write(path: tuple[int, ...]) -> str:
        children = sorted(p for p in index if len(p) == len(path) + 1 and p[:-1] == path)
        inner = f"({','.join(write(p) for p in children)})" if children else ""
        return f"{inner}{index[path] if path else ''}"

    return write(()) + ";"
