"""Distance to the exact posterior of the closed-form problems against midpoint, gradient steps or scale."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from posterity.figures import style
from posterity.tables import _toys
from posterity.tables.frames import Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("problem_sweeps",)
SECTION = "exact"
TITLE = "Sweeps on the closed-form problems"
_NAMES = {
    "recursion_ddpm_dps": "recursion",
    "recursion_ddpm_exact": "recursion, exact potential",
    "recursion_exact_dps": "recursion, exact transition",
    "recursion_exact_exact": "recursion, both exact",
    "mgps_midpoint": "MGPS",
    "mgps_fits": "MGPS",
    "dps_scale": "DPS",
}
_WORDS = {
    "eta": "midpoint η (ℓ = ⌊ηk⌋)",
    "eta, late_eta": "midpoint η (ℓ = ⌊ηk⌋)",
    "every_fits": "gradient steps at every level",
    "scale": "scale ζ",
}


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per prior, dimension and setting; sweeps of the same setting share a panel."""
    panels: dict[tuple[str, int, str], list[_toys.Sweep]] = {}
    for sweep in _toys.sweeps(frames):
        panels.setdefault((sweep.prior, sweep.dim, _words(sweep.vary)), []).append(sweep)
    floor = _floors(frames)
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure, axes = style.canvas(2.9 * across + 0.2, 2.5 * down, down, across)
    for ax, ((prior, dim, words), found) in zip(axes, panels.items(), strict=False):
        _panel(ax, found)
        if (prior, dim) in floor:
            ax.axhline(floor[prior, dim], color=style.COLOURS["green"], linewidth=0.8, linestyle=":")
        ax.set_title(f"{prior}, {dim} dimensions", loc="left")
        ax.set_xlabel(words)
        ax.set_ylabel(_toys.STATISTICS[found[0].statistic])
        ax.set_ylim(bottom=0)
        if len(found) > 1:
            ax.legend()
    for ax in axes[len(panels) :]:
        ax.axis("off")
    caption = (
        "Lines: means over instances, with 95 % bootstrap intervals where something was sampled; thin lines: "
        "single instances. Dotted: what as many exact draws score. At midpoint 1 the likelihood is taken where DPS "
        "takes it. The recursion follows the moments of a Gaussian through fits without error."
    )
    return style.Drawn(figure, caption)


def _words(vary: str) -> str:
    return _WORDS.get(vary, vary)


def _floors(frames: Frames) -> dict[tuple[str, int], float]:
    """Return {(prior, dimension): mean distance of exact draws} where there are any."""
    out: dict[tuple[str, int], float] = {}
    for artifact in frames.of("distances", sampler="exact"):
        rows = frames.frame("distances", prior=artifact.key["prior"], sampler="exact")
        out |= {(p, int(d)): float(one["value"].mean()) for (p, d), one in rows.groupby(["prior", "dim"])}
    return out


def _panel(ax: Axes, found: list[_toys.Sweep]) -> None:
    for sweep, colour in zip(found, cycle(["blue", "orange", "purple", "green", "red"]), strict=False):
        hue, at = style.COLOURS[colour], sorted(sweep.rows["at"].unique())
        if len(found) == 1:
            for _, one in sweep.rows.groupby("instance"):
                ax.plot(*one.sort_values("at")[["at", "value"]].to_numpy().T, color=hue, linewidth=0.5, alpha=0.3)
        stats = [_toys.summary(sweep.rows[sweep.rows["at"] == a]) for a in at]
        drawn = sweep.method != "recursion"
        ax.plot(at, [s[0] for s in stats], color=hue, marker="o" if drawn else None, markersize=3, label=_label(sweep))
        if drawn and all(s[1] is not None for s in stats):
            ax.fill_between(at, [s[1] for s in stats], [s[2] for s in stats], color=hue, alpha=0.15, linewidth=0)
    if min(sweep.rows["at"].min() for sweep in found) > 0 and found[0].vary in ("scale", "every_fits"):
        ax.set_xscale("log")


def _label(sweep: _toys.Sweep) -> str:
    return _NAMES.get(sweep.name, sweep.name)
