"""Figures: one module each, found by its name, drawn from artifacts alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.figures.style import Drawn
    from posterity.tables.frames import Frames

__all__ = ["BESIDE", "NAMES", "REGISTRY", "Drawing", "find", "names", "schema"]

NAMES = (
    "answers", "error_cost", "teaser", "projection_histogram", "kurtosis", "plane_rules", "subsets_gallery",
    "study_subsets", "guidance_gallery", "study_guidance", "plane_fps",
    "plane_uniformization", "discard_super_resolution", "discard_inpainting",
    "discard_natural", "dps_artifacts", "eta_gallery", "threshold_gallery",
    "diversity_coverage", "distance_similarity", "hierarchy", "exact_distance", "own_diversity", "time_quality",
    "severity_errors", "restorations", "fit_progress", "priors", "toy_samplers", "toy_sweeps", "ecg_sheet",
)  # fmt: skip
"""The order of figures in the report; other figures come after these.

resources/papers says which published figure each corresponds to.
"""
BESIDE = ("cost_error", "certificate_matrix")
"""Figures that no experiment has: those of certificates, from `posterity verify`."""


class Drawing(Protocol):
    """The contents of a figure's module; ``SECTION`` is its place in the report: gallery, analysis, exact or study.

    ``NEEDS`` says what an experiment must make to have the figure, see :mod:`posterity.configuration.products`.
    """

    SECTION: str
    TITLE: str

    def draw(self, frames: Frames, settings: Mapping[str, Any]) -> Drawn:
        """Return the figure with its caption."""


REGISTRY: Registry[Drawing] = Registry(
    __name__, "figure", beside=("choose", "gallery", "numbers", "style"), facts=("NEEDS",)
)


def names() -> list[str]:
    """Return the names that a configuration can use, in the order of the report."""
    found = [name for name in REGISTRY.names() if name not in BESIDE]
    return sorted(found, key=lambda name: (NAMES.index(name) if name in NAMES else len(NAMES), name))


def schema(only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return {name: {doc (first line), needs}} of the figures that a configuration can use, or of ``only``."""
    return REGISTRY.schema(names() if only is None else only)


def find(name: str) -> Drawing:
    """Return the module of a figure.

    Raises:
        PosterityError: for an unknown name.
    """
    module: Any = REGISTRY.module(name)
    return cast("Drawing", module)
