"""Tables: one module each, found by its name, that turns artifacts into cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from posterity.registry import Registry

if TYPE_CHECKING:
    from posterity.tables.cells import Cell
    from posterity.tables.frames import Frames

__all__ = ["NAMES", "REGISTRY", "Table", "find", "names", "schema"]

NAMES = (
    "answers", "super_resolution", "inpainting", "eta_sweep", "threshold_sweep", "subsets", "exact_posterior",
    "guidance", "quality", "restoration", "cost", "kurtosis", "toy_distance", "toy_sweeps", "flash", "vipaint",
    "ecg_errors", "ecg_regression", "ecg_features", "ecg_diagnosis", "ecg_classes",
)  # fmt: skip
"""The order of tables in a report; other tables come after these."""


class Table(Protocol):
    """The contents of a table's module: names of the parts of a row's name, title and caption, and the cells.

    ``NEEDS`` says what an experiment must make to have the table, see :mod:`posterity.configuration.products`.
    """

    ROWS: Sequence[str]
    TITLE: str
    CAPTION: str

    def cells(self, frames: Frames) -> list[Cell]:
        """Return all cells, row by row."""


REGISTRY: Registry[Table] = Registry(
    __name__, "table", beside=("cells", "frames", "pools", "published", "task_kinds", "text"), facts=("NEEDS",)
)
schema = REGISTRY.schema


def names() -> list[str]:
    """Return all names in the order of the report."""
    return sorted(REGISTRY.names(), key=lambda name: (NAMES.index(name) if name in NAMES else len(NAMES), name))


def find(name: str) -> Table:
    """Return the module of a table.

    Raises:
        PosterityError: for an unknown name.
    """
    module: Any = REGISTRY.module(name)
    return cast("Table", module)
