"""Ten Gaussians in the plane, the central one with 95 % of the mass (Cohen et al. 2024, Figs. 4, 9 and 10).

Means and covariances are not published; here the other nine are evenly spaced on a circle of radius 10 and all
covariances are the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posterity.figures import style

__all__ = ["COUNT", "NEIGHBOUR", "Chosen", "choose", "draw", "mixture"]

COUNT, POOL, NEIGHBOUR = 20, 1000, 10
_MODES = 10


@dataclass(frozen=True)
class Chosen:
    """A rule's subset of the pool, under a title."""

    title: str
    members: list[int]


def mixture() -> tuple[NDArray[np.floating[Any]], NDArray[np.integer[Any]]]:
    """Return points (1000, 2) and the index (1000,) of the Gaussian that each comes from; 0 is the dominant one."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(_MODES - 1) / (_MODES - 1)
    means = np.concatenate([[[0.0, 0.0]], 10 * np.stack([np.cos(angle), np.sin(angle)], 1)])
    mode = rng.choice(_MODES, POOL, p=[0.95, *[0.05 / (_MODES - 1)] * (_MODES - 1)])
    return means[mode] + rng.normal(size=(POOL, 2)), mode


def choose(rule: str, **settings: Any) -> list[int]:
    """Return the indices of 20 points of the toy, chosen by a rule of :mod:`posterity.subsets`."""
    from posterity import subsets
    from posterity.features.pca import distances

    points, _ = mixture()
    if rule == "uniformization":
        settings = {"neighbour": NEIGHBOUR, "dimension": 2} | settings
    made = subsets.find(rule)(**settings)
    data = points if made.reads == "features" else distances(points)
    return made.choose(data, COUNT, np.random.default_rng(1))  # a stream independent of the mixture's


def draw(panels: Sequence[Chosen], caption: str) -> style.Drawn:
    """Draw the pool, then each subset over it."""
    points, mode = mixture()
    figure, axes = style.canvas(1.62 * (len(panels) + 1), 1.95, 1, len(panels) + 1, sharex=True, sharey=True)
    pool = Chosen(f"pool of {POOL}", list(range(POOL)))
    for ax, panel in zip(axes, [pool, *panels], strict=True):
        whole = panel is pool
        ax.scatter(*points.T, s=3, c="#c9c9c9" if not whole else style.GREY, linewidths=0, rasterized=True)
        if not whole:
            ax.scatter(*points[panel.members].T, s=16, c=style.COLOURS["red"], edgecolors="white", linewidths=0.4)
        shown = mode[panel.members]
        ax.set_title(f"{panel.title}\n{len(set(shown.tolist()))} modes, {(shown == 0).sum()} central", linespacing=1.4)
        ax.set(xticks=[], yticks=[], xlim=(-13.5, 13.5), ylim=(-13.5, 13.5), aspect="equal")
        ax.spines[:].set_visible(False)
    return style.Drawn(figure, caption)
