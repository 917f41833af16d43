"""Figures: each one file, found by its name, drawn from artifacts alone."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from posterity.figures.style import Drawn
    from posterity.tables.frames import Frames

__all__ = ["BESIDE", "NAMES", "Drawing", "find"]

NAMES = (
    "fig01_teaser", "fig02_projection_histogram", "fig03_kurtosis", "fig04_toy", "fig05_subsets_gallery",
    "fig06_study_subsets", "fig07_guidance_gallery", "fig08_study_guidance", "fig09_toy_fps",
    "fig10_toy_uniformization", "fig11_discard_super_resolution", "fig12_discard_inpainting",
    "fig13_discard_natural", "fig14_dps_artifacts", "fig15_eta_gallery", "fig16_threshold_gallery",
    "fig17_diversity_coverage", "fig18_distance_similarity", "hierarchy", "exact_distance", "restorations",
    "priors", "toy_samplers", "toy_sweeps",
)  # fmt: skip
"""Figures that can be named in a configuration; a number is that of the paper's figure."""
BESIDE = ("cost_error",)
"""Figures of what no experiment makes: certificates, from `posterity verify`."""


class Drawing(Protocol):
    """What a figure's module holds; ``SECTION`` is its place in the report: gallery, analysis, exact or study."""

    SECTION: str
    TITLE: str

    def draw(self, frames: Frames, settings: Mapping[str, Any]) -> Drawn:
        """The figure and what it shows, in words."""


def find(name: str) -> Drawing:
    """The module of a figure.

    Raises:
        KeyError: when there is no such figure.
    """
    if name not in (*NAMES, *BESIDE):
        raise KeyError(name)
    module: Drawing = importlib.import_module(f"{__name__}.{name}")  # type: ignore[assignment]
    return module
