"""The common style of all figures: colour-blind-safe hues, quiet axes, text as outlines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from posterity.tables.frames import Frames

__all__ = ["COLOURS", "GREY", "INK", "Drawn", "canvas", "look", "looks", "mark", "name", "sampler", "save"]

INK, GREY = "#222222", "#8a8a8a"
COLOURS = {
    "blue": "#0072b2", "orange": "#e69f00", "green": "#009e73", "red": "#d55e00", "purple": "#cc79a7", "sky": "#56b4e9",
}  # fmt: skip
"""The Okabe-Ito palette without its yellow, which is too light on white."""
_RULES: dict[str, Any] = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": GREY, "axes.linewidth": 0.6, "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "text.color": INK, "axes.labelcolor": INK, "axes.titlecolor": INK,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2,
    "svg.fonttype": "path", "svg.hashsalt": "posterity", "figure.facecolor": "white", "savefig.facecolor": "white",
}  # fmt: skip
_WORDS = {
    "ddrm": "DDRM", "ddnm": "DDNM", "dps": "DPS", "repaint": "RePaint", "exact": "exact posterior",
    "mgps": "MGPS", "pgdm": "ΠGDM", "diffpir": "DiffPIR", "reddiff": "RED-diff", "reddiff_v": "RED-diff-V",
    "copaint": "CoPaint", "copaint_tt": "CoPaint-TT", "exact_score": "exact score", "prior": "the prior",
    "recursion": "recursion", "psld": "PSLD", "gml_dps": "GML-DPS", "resample": "ReSample",
    "resample_repository": "ReSample (repository)", "blur_varying": "blur of varying width",
    "inpaint_varying": "pixels of varying share",
    "posterior_mean": "posterior mean", "ecg_from_i": "from lead I", "ecg_from_i_ii_v2": "from I, II, V2",
    "ecg_block": "half of the time", "exact_again": "exact, another seed", "random": "random", "kmeans": "K-means",
    "uniformization": "Uniformization",
    "vipaint": "VIPaint", "vipaint1": "VIPaint-1", "vipaint2": "VIPaint-2", "vipaint4": "VIPaint-4",
    "vipaint6": "VIPaint-6", "vipaint2_early": "VIPaint-2, early", "inpaint_bottom": "lower half",
    "inpaint_box": "middle",
    "inpaint_free_form": "boxes and strokes", "inpaint_window": "half at an angle", "blended": "Blended",
    "fps": "FPS", "ilvr": "ILVR", "replacement": "Replacement", "pool4": "average ×4", "pool16": "average ×16",
    "pool16_sigma_1": "average ×16, noise 0.1", "pool16_sigma_2": "average ×16, noise 0.2",
    "inpaint_centre_noisy": "centre box", "inpaint_half_noisy": "right half",
    "deblur_gauss": "Gaussian blur", "deblur_motion": "motion blur",
    "jpeg2": "JPEG, quality 2", "phase": "phase retrieval", "deblur_spatial": "non-uniform blur", "hdr": "clipping ×2",
}  # fmt: skip


_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*", "<", ">", "h", "p", "d")
_WRAPPERS = {"diversity": "guidance", "flash": "Flash"}


@dataclass(frozen=True)
class Drawn:
    """A figure and its caption (which data, which samples); ``data`` holds its numbers if the figure declares them."""

    figure: Figure
    caption: str
    data: Sequence[Mapping[str, Any]] = ()


def name(key: str) -> str:
    """Return the display name of a sampler, subset or task."""
    return _WORDS.get(key, key)


def sampler(frames: Frames, key: str) -> str:
    """Return a run's sampler in words, with its wrappers, and its name if several have the same words."""
    made = {a.key["sampler"]: a.recipe for a in frames.of("samples")}
    if key not in made or not made[key].wrap:
        return name(key)
    alike = {n for n, r in made.items() if (r.method, r.wrappers) == (made[key].method, made[key].wrappers)}
    words = [name(made[key].method), *(_WRAPPERS.get(w, w.replace("_", " ")) for w in made[key].wrappers)]
    return " + ".join(words) if len(alike) == 1 else f"{' + '.join(words)} ({key})"


def looks(count: int) -> list[dict[str, Any]]:
    """Return ``count`` marker styles, distinguishable by shape alone up to thirteen, and also by colour."""
    colours = list(COLOURS.values())
    return [
        {"marker": _MARKERS[k % len(_MARKERS)], "color": colours[k % len(colours)], "markersize": 5,
         "markeredgecolor": "white", "markeredgewidth": 0.4}
        for k in range(count)
    ]  # fmt: skip


def mark(key: str, *artists: Artist) -> None:
    """Tag the artists with their sampler, so that the report can highlight it."""
    for artist in artists:
        figure = artist.get_figure(root=True)
        assert figure is not None
        number = len(figure.findobj(lambda one: str(one.get_gid()).startswith(f"sampler.{key}.")))
        artist.set_gid(f"sampler.{key}.{number}")


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **how: Any) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure (size in inches) and its axes, row by row; draw on it within :func:`look`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **how).flat)


@contextmanager
def look() -> Iterator[None]:
    """Apply the common style; matplotlib reads it at drawing time, so all drawing happens inside this context."""
    import matplotlib

    with matplotlib.rc_context(_RULES):
        yield


def save(drawn: Drawn, title: str, sources: Sequence[str] = ()) -> tuple[bytes, bytes]:
    """Return (SVG, PNG), deterministic bytes with title, caption and source files embedded."""
    svg, png = io.BytesIO(), io.BytesIO()
    about = {"Title": title, "Description": drawn.caption, "Source": "\n".join(sources)}
    drawn.figure.savefig(svg, format="svg", metadata={**about, "Date": None, "Creator": None})
    drawn.figure.savefig(png, format="png", dpi=200, metadata={**about, "Software": None})
    return svg.getvalue(), png.getvalue()
