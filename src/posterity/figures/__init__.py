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
    "answers", "error_cost", "teaser", "projection_histogram", "kurtosis", "plane_rules", "subsets_gallery",
    "study_subsets", "guidance_gallery", "study_guidance", "plane_fps",
    "plane_uniformization", "discard_super_resolution", "discard_inpainting",
    "discard_natural", "dps_artifacts", "eta_gallery", "threshold_gallery",
    "diversity_coverage", "distance_similarity", "hierarchy", "exact_distance", "restorations",
    "priors", "toy_samplers", "toy_sweeps",
)  # fmt: skip
"""Figures that can be named in a configuration; resources/papers says which figure of a paper each stands for."""
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
